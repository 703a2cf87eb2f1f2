"""ACM certificates (requested or imported) and the wait for their validation."""

from datetime import datetime
from typing import Any

from sandbox.aws.provider.calls import or_none, without_none
from sandbox.aws.provider.model import Context, Props, ResourceType
from sandbox.aws.provider.shapes import outputs, request, tag_list, tag_map
from sandbox.aws.table.parts import pair_tagger

CERTIFICATE_TOKEN = "aws:acm/certificate:Certificate"

PENDING = "PENDING_VALIDATION"

VALIDATION_TIMEOUT_S = 60.0
"""The emulator looks for the records whenever it is asked; one that is not there by then is not in the program."""


def _create(ctx: Context, props: Props) -> str:
    client = ctx.client("acm")
    if props.get("certificateBody") or props.get("privateKeyWo"):
        return str(client.import_certificate(**_material(props), Tags=tag_list(props.get("tags")))["CertificateArn"])
    if not props.get("domainName"):
        raise ValueError("domainName: required unless certificateBody and privateKey are given")
    names = [name for name in props.get("subjectAlternativeNames") or [] if name != props["domainName"]]
    renames = {"validationOptions": "DomainValidationOptions"}
    asked = request("acm", "RequestCertificate", {**props, "subjectAlternativeNames": names or None}, renames=renames)
    return str(client.request_certificate(**asked)["CertificateArn"])


def _material(props: Props) -> dict[str, Any]:
    key = props.get("privateKeyWo") or props.get("privateKey")
    if not key or not props.get("certificateBody"):
        raise ValueError("certificateBody, privateKey: an imported certificate needs both")
    chain = props.get("certificateChain")
    return without_none(
        {
            "Certificate": props["certificateBody"].encode(),
            "PrivateKey": key.encode(),
            "CertificateChain": chain.encode() if chain else None,
        }
    )


def _settle(ctx: Context, arn: str, _props: Props) -> None:
    """ACM makes the validation records a few seconds after the request, and programs publish them."""

    def probe() -> bool:
        live = _describe(ctx, arn)
        options = live.get("DomainValidationOptions") or []
        return live.get("Type") == "IMPORTED" or all(
            option.get("ResourceRecord") or option.get("ValidationMethod") != "DNS" for option in options
        )

    ctx.wait(probe, f"validation records of certificate {arn}")


def _describe(ctx: Context, arn: str) -> dict[str, Any]:
    return dict(ctx.client("acm").describe_certificate(CertificateArn=arn)["Certificate"])


def _update(ctx: Context, arn: str, old: Props, new: Props) -> None:
    client = ctx.client("acm")
    if new.get("certificateBody"):
        client.import_certificate(CertificateArn=arn, **_material(new))
    elif (old.get("options") or {}) != (new.get("options") or {}):
        preference = (new.get("options") or {}).get("certificateTransparencyLoggingPreference") or "ENABLED"
        client.update_certificate_options(
            CertificateArn=arn, Options={"CertificateTransparencyLoggingPreference": preference}
        )


def _read(ctx: Context, arn: str, last: Props) -> Props | None:
    answer = or_none(ctx.client("acm").describe_certificate, CertificateArn=arn)
    if answer is None:
        return None
    live = answer["Certificate"]
    found = outputs(CERTIFICATE_TOKEN, live, renames={"arn": "CertificateArn", "validationOptions": ""})
    options = live.get("DomainValidationOptions") or []
    names = live.get("SubjectAlternativeNames") or []
    given = last.get("subjectAlternativeNames")
    if given is not None and live["DomainName"] not in given:
        names = [name for name in names if name != live["DomainName"]]
    found |= {
        "subjectAlternativeNames": sorted(names),
        "domainValidationOptions": [_option(o) for o in sorted(options, key=_primary_first(live["DomainName"]))],
        "validationEmails": sorted({mail for o in options for mail in o.get("ValidationEmails") or ()}),
        "validationMethod": options[0].get("ValidationMethod") if options else "NONE",
        "renewalSummaries": [],
        "pendingRenewal": False,
        "tags": tag_map(ctx.client("acm").list_tags_for_certificate(CertificateArn=arn).get("Tags")),
    }
    # Being issued is what was asked for, not drift: only what happens to an issued certificate is.
    if last.get("status") == PENDING and found["status"] == "ISSUED":
        for name in ("status", "notBefore", "notAfter"):
            found.pop(name, None)
    for name in ("certificateBody", "certificateChain", "privateKey"):
        found.pop(name, None)
    return found


def _primary_first(domain: str) -> Any:
    return lambda option: (option["DomainName"] != domain, option["DomainName"])


def _option(option: Props) -> dict[str, str]:
    record = option.get("ResourceRecord") or {}
    return {
        "domainName": option["DomainName"],
        "resourceRecordName": record.get("Name", ""),
        "resourceRecordType": record.get("Type", ""),
        "resourceRecordValue": record.get("Value", ""),
    }


def _validate(ctx: Context, props: Props) -> str:
    """Check the given record names against the certificate's, then wait until ACM has issued it."""
    arn = props["certificateArn"]
    live = _describe(ctx, arn)
    if live.get("Type") != "AMAZON_ISSUED":
        raise ValueError(f"certificateArn: {arn} has type {live.get('Type')}, only AMAZON_ISSUED ones are validated")
    wanted = {_bare(option["resourceRecordName"]) for option in map(_option, live["DomainValidationOptions"])}
    if given := {_bare(name) for name in props.get("validationRecordFqdns") or ()}:
        for name in sorted(wanted - given):
            raise ValueError(f"validationRecordFqdns: {name} is missing; each domain name needs its validation record")
    return _issued_at(ctx.wait(lambda: _issued(ctx, arn), f"certificate {arn} to be ISSUED"))


def _issued(ctx: Context, arn: str) -> datetime | None:
    live = _describe(ctx, arn)
    if live["Status"] in ("FAILED", "VALIDATION_TIMED_OUT", "REVOKED", "EXPIRED"):
        raise ValueError(f"certificateArn: {arn} is {live['Status']} {live.get('FailureReason', '')}".rstrip())
    return live.get("IssuedAt") or live.get("CreatedAt") if live["Status"] == "ISSUED" else None


def _issued_at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} +0000 UTC"


def _bare(name: str) -> str:
    return name.lower().rstrip(".")


def _read_validation(ctx: Context, _id: str, last: Props) -> Props | None:
    arn = last.get("certificateArn")
    if not arn:
        raise ValueError("a certificate validation cannot be imported: it is a wait, not a thing in AWS")
    answer = or_none(ctx.client("acm").describe_certificate, CertificateArn=arn)
    if answer is None or answer["Certificate"]["Status"] != "ISSUED":
        return None
    return {"certificateArn": arn}


def _forget(_ctx: Context, _id: str, _last: Props) -> None:
    """There is nothing in AWS to remove."""


TYPES = [
    ResourceType(
        token=CERTIFICATE_TOKEN,
        service="acm",
        create=_create,
        settle=_settle,
        read=_read,
        update=_update,
        delete=lambda ctx, arn, _last: ctx.client("acm").delete_certificate(CertificateArn=arn),
        tag=pair_tagger(
            "acm",
            tag="add_tags_to_certificate",
            untag="remove_tags_from_certificate",
            arn="CertificateArn",
            tags="Tags",
        ),
        force_new=frozenset(
            {
                "certificateAuthorityArn",
                "domainName",
                "keyAlgorithm",
                "options.export",
                "subjectAlternativeNames",
                "validationMethod",
                "validationOptions",
            }
        ),
        unread=frozenset({"keyAlgorithm"}),
    ),
    ResourceType(
        token="aws:acm/certificateValidation:CertificateValidation",
        service="acm",
        create=_validate,
        read=_read_validation,
        delete=_forget,
        force_new=frozenset({"certificateArn", "validationRecordFqdns"}),
        timeout_s=VALIDATION_TIMEOUT_S,
    ),
]
