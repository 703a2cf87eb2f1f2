"""What an account has once: its contacts, budgets and analyzers. A contact's name and addresses are not kept."""

from collections.abc import Iterator

from operations.audit.live.question import Question
from operations.audit.live.reader import Live, Reader
from operations.audit.live.region import Region
from operations.audit.live.words import picked

CONTACT = Question(
    service="account",
    operation="get_alternate_contact",
    keep=("AlternateContact.AlternateContactType",),
    absent=frozenset({"ResourceNotFoundException"}),
)
BUDGETS = Question(
    service="budgets",
    operation="describe_budgets",
    action="budgets:ViewBudget",
    keep=tuple(f"Budgets.{name}" for name in ("BudgetName", "BudgetType", "TimeUnit")),
    items="Budgets",
)
ANALYZERS = Question(
    service="accessanalyzer",
    operation="list_analyzers",
    action="access-analyzer:ListAnalyzers",
    keep=tuple(f"analyzers.{name}" for name in ("name", "arn", "type", "tags", "managedBy")),
    items="analyzers",
)

CONTACTS = ("BILLING", "OPERATIONS", "SECURITY")
"""Kinds of them (https://docs.aws.amazon.com/accounts/latest/reference/API_GetAlternateContact.html)."""


def contacts(region: Region) -> Iterator[Live]:
    """Which kinds of alternate contact the account has."""
    for kind in CONTACTS:
        if region.ask(CONTACT, AlternateContactType=kind) is not None:
            yield Live(id=kind, props={"alternateContactType": kind})


def budgets(region: Region) -> Iterator[Live]:
    """Budgets of costs."""
    for raw in region.pages(BUDGETS, AccountId=region.account):
        yield Live(
            id=f"{region.account}:{raw['BudgetName']}",
            name=raw["BudgetName"],
            props=picked(raw, name="BudgetName", budgetType="BudgetType", timeUnit="TimeUnit"),
        )


def analyzers(region: Region) -> Iterator[Live]:
    """Analyzers of IAM Access Analyzer."""
    for raw in region.pages(ANALYZERS):
        yield Live(
            id=raw["name"],
            made_by_aws="analyzer of a service" if raw.get("managedBy") else "",
            props={**picked(raw, analyzerName="name", arn="arn", type="type"), "tags": dict(raw.get("tags") or {})},
        )


Reader(type="aws:accessanalyzer/analyzer:Analyzer", read=analyzers, source=ANALYZERS)
Reader(
    type="aws:account/alternativeContact:AlternativeContact",
    read=contacts,
    source=CONTACT,
    everywhere=False,
    identity=("alternateContactType",),
)
Reader(type="aws:budgets/budget:Budget", read=budgets, source=BUDGETS, everywhere=False, identity=("name",))
