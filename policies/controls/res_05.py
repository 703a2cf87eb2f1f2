"""RES-05: copies of backups stay in the jurisdiction."""

from policies.control import GDPR, Control, Severity, StackClause, Strength, Verdict, not_applicable
from policies.destinations import all_inside, known
from policies.resources import Resource, Stack, region_of_arn

_PLAN, _VAULT = "aws:backup/plan:Plan", "aws:backup/vault:Vault"


def copies_stay_inside(plan: Resource, stack: Stack) -> Verdict:
    # The vaults of a plan are its targets and those of its copies: one in another region can only be a copy's.
    vaults = [source.region for source in stack.sources(plan, "rules") if source.type == _VAULT]
    outside = all_inside([region for region in vaults if region], plan, stack, "a copy")
    if outside.reason:
        return outside
    copies = [copy for rule in plan.props["rules"] for copy in rule.get("copyActions") or ()]
    if not copies:
        return not_applicable("makes no copies")
    return all_inside([region_of_arn(known(copy, "destinationVaultArn")) for copy in copies], plan, stack, "a copy")


RES_05 = Control(
    id="RES-05",
    title="Copies of backups stay in the jurisdiction",
    severity=Severity.CRITICAL,
    clauses=(StackClause(resource_types=frozenset({_PLAN}), check=copies_stay_inside),),
    maps_to=(GDPR("44", Strength.DIRECT),),
    risk="A copy in a third country holds everything that the backup holds.",
    remediation="Copy only to vaults in regions of the jurisdiction.",
)
