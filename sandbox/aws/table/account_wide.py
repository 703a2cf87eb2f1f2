"""What an account has once, whatever the Region: password policy, contacts, budgets; and the key that volumes of a
Region get where they name none."""

from typing import Any

from sandbox.aws.provider.calls import or_none, tagging, void
from sandbox.aws.provider.model import Autoname, Context, Props, ResourceType
from sandbox.aws.provider.shapes import outputs, request, tag_list, tag_map

PASSWORDS = "aws:iam/accountPasswordPolicy:AccountPasswordPolicy"
CONTACT = "aws:account/alternativeContact:AlternativeContact"
BUDGET = "aws:budgets/budget:Budget"

# ---- aws:iam/accountPasswordPolicy:AccountPasswordPolicy


def _put_passwords(ctx: Context, props: Props) -> str:
    ctx.client("iam").update_account_password_policy(**request("iam", "UpdateAccountPasswordPolicy", props))
    return "iam-account-password-policy"


def _read_passwords(ctx: Context, _id: str, _last: Props) -> Props | None:
    answer = or_none(ctx.client("iam").get_account_password_policy)
    if answer is None:
        return None
    absent = {"maxPasswordAge": 0, "passwordReusePrevention": 0, "hardExpiry": False, "expirePasswords": False}
    return absent | outputs(PASSWORDS, answer["PasswordPolicy"])


# ---- aws:account/alternativeContact:AlternativeContact


def _put_contact(ctx: Context, props: Props) -> str:
    ctx.client("account").put_alternate_contact(**request("account", "PutAlternateContact", props))
    kind, of = str(props["alternateContactType"]), props.get("accountId")
    return f"{of}/{kind}" if of else kind


def _contact(id_: str) -> dict[str, str]:
    of, _, kind = id_.rpartition("/")
    return {"AlternateContactType": kind} | ({"AccountId": of} if of else {})


def _read_contact(ctx: Context, id_: str, _last: Props) -> Props | None:
    answer = or_none(ctx.client("account").get_alternate_contact, **_contact(id_))
    return None if answer is None else outputs(CONTACT, answer["AlternateContact"])


# ---- aws:budgets/budget:Budget


UNKNOWN = ("autoAdjustData", "costFilters", "filterExpression", "plannedLimits")


def _budget(props: Props) -> dict[str, Any]:
    """The parts of a budget that a cell's account uses; filters and planned limits are refused, not ignored."""
    unknown = [
        name for name in ("autoAdjustData", "costFilters", "filterExpression", "plannedLimits") if props.get(name)
    ]
    if unknown:
        raise NotImplementedError(f"{BUDGET}: the sandbox does not know {', '.join(unknown)}")
    return {
        "BudgetName": props["name"],
        "BudgetType": props["budgetType"],
        "BudgetLimit": {"Amount": props["limitAmount"], "Unit": props["limitUnit"]},
        "TimeUnit": props["timeUnit"],
    }


def _notification(row: Props) -> dict[str, Any]:
    return {
        "NotificationType": row["notificationType"],
        "ComparisonOperator": row["comparisonOperator"],
        "Threshold": float(row["threshold"]),
        "ThresholdType": row["thresholdType"],
    }


def _subscribers(row: Props) -> list[dict[str, str]]:
    kinds = (("EMAIL", "subscriberEmailAddresses"), ("SNS", "subscriberSnsTopicArns"))
    return [{"SubscriptionType": kind, "Address": to} for kind, prop in kinds for to in row.get(prop) or []]


def _addresses(subscribers: list[dict[str, str]], kind: str) -> list[str]:
    return [each["Address"] for each in subscribers if each["SubscriptionType"] == kind]


def _create_budget(ctx: Context, props: Props) -> str:
    account = str(props.get("accountId") or ctx.account_id)
    rows = props.get("notifications") or []
    ctx.client("budgets").create_budget(
        AccountId=account,
        Budget=_budget(props),
        NotificationsWithSubscribers=[
            {"Notification": _notification(row), "Subscribers": _subscribers(row)} for row in rows
        ],
        ResourceTags=tag_list(props.get("tags")),
    )
    return f"{account}:{props['name']}"


def _read_notifications(ctx: Context, account: str, name: str) -> list[dict[str, Any]]:
    client, about = ctx.client("budgets"), {"AccountId": account, "BudgetName": name}
    found = []
    for row in client.describe_notifications_for_budget(**about).get("Notifications", []):
        to = client.describe_subscribers_for_notification(**about, Notification=row)["Subscribers"]
        found.append(
            {
                "notificationType": row["NotificationType"],
                "comparisonOperator": row["ComparisonOperator"],
                "threshold": row["Threshold"],
                "thresholdType": row["ThresholdType"],
                "subscriberEmailAddresses": _addresses(to, "EMAIL"),
                "subscriberSnsTopicArns": _addresses(to, "SNS"),
            }
        )
    return found


def _read_budget(ctx: Context, id_: str, _last: Props) -> Props | None:
    account, _, name = id_.partition(":")
    answer = or_none(ctx.client("budgets").describe_budget, AccountId=account, BudgetName=name)
    if answer is None:
        return None
    live = answer["Budget"]
    arn = ctx.arn("budgets", f"budget/{name}", region="", account_id=account)
    return {
        "accountId": account,
        "arn": arn,
        "name": name,
        "budgetType": live["BudgetType"],
        "limitAmount": live["BudgetLimit"]["Amount"],
        "limitUnit": live["BudgetLimit"]["Unit"],
        "timeUnit": live["TimeUnit"],
        "notifications": _read_notifications(ctx, account, name),
        "tags": tag_map(ctx.client("budgets").list_tags_for_resource(ResourceARN=arn).get("ResourceTags")),
    }


def _update_budget(ctx: Context, id_: str, old: Props, new: Props) -> None:
    """Notifications are taken away and made again, as the official plugin does."""
    account, _, name = id_.partition(":")
    client, about = ctx.client("budgets"), {"AccountId": account, "BudgetName": name}
    client.update_budget(AccountId=account, NewBudget=_budget(new))
    if old.get("notifications") == new.get("notifications"):
        return
    for row in client.describe_notifications_for_budget(**about).get("Notifications", []):
        client.delete_notification(**about, Notification=row)
    for row in new.get("notifications") or []:
        client.create_notification(**about, Notification=_notification(row), Subscribers=_subscribers(row))


def _delete_budget(ctx: Context, id_: str, _last: Props) -> None:
    account, _, name = id_.partition(":")
    ctx.client("budgets").delete_budget(AccountId=account, BudgetName=name)


# ---- aws:ebs/defaultKmsKey:DefaultKmsKey


def _set_key(ctx: Context, props: Props) -> str:
    return str(ctx.client("ec2").modify_ebs_default_kms_key_id(KmsKeyId=props["keyArn"])["KmsKeyId"])


TYPES = [
    ResourceType(
        token=PASSWORDS,
        service="iam",
        create=_put_passwords,
        read=_read_passwords,
        update=lambda ctx, _id, _old, new: void(_put_passwords(ctx, new)),
        delete=lambda ctx, _id, _last: ctx.client("iam").delete_account_password_policy(),
        defaults={"allowUsersToChangePassword": True, "minimumPasswordLength": 6},
        global_service=True,
    ),
    ResourceType(
        token=CONTACT,
        service="account",
        create=_put_contact,
        read=_read_contact,
        update=lambda ctx, _id, _old, new: void(_put_contact(ctx, new)),
        delete=lambda ctx, id_, _last: ctx.client("account").delete_alternate_contact(**_contact(id_)),
        force_new=frozenset({"accountId", "alternateContactType"}),
        autoname=Autoname(max_length=64),
        global_service=True,
    ),
    ResourceType(
        token=BUDGET,
        service="budgets",
        create=_create_budget,
        read=_read_budget,
        update=_update_budget,
        delete=_delete_budget,
        tag=tagging("budgets", arn="ResourceARN", tags="ResourceTags", keys="ResourceTagKeys"),
        force_new=frozenset({"accountId", "name", "namePrefix"}),
        autoname=Autoname(max_length=100),
        # AWS gives decimals back.
        equal={"limitAmount": lambda old, new: float(old) == float(new)},
        global_service=True,
    ),
    ResourceType(
        token="aws:ebs/defaultKmsKey:DefaultKmsKey",
        service="ec2",
        create=_set_key,
        read=lambda ctx, _id, _last: {"keyArn": ctx.client("ec2").get_ebs_default_kms_key_id()["KmsKeyId"]},
        delete=lambda ctx, _id, _last: ctx.client("ec2").reset_ebs_default_kms_key_id(),
    ),
]
