"""RES-05: copies of backups."""

from policies.control import Status
from policies.resources import Resource
from policies.testing import UNKNOWN, resource, verdicts

EU = {"payment-cell:jurisdiction": "eu"}


def status(rules: object, *vaults: Resource) -> Status:
    plan = resource("aws:backup/plan:Plan", "p", {"rules": vaults}, region="eu-west-1", tags=EU, rules=rules)
    return verdicts("RES-05", plan, *vaults)["p", "copies_stay_inside"]


def copies(*arns: str) -> list[dict[str, object]]:
    return [{"copyActions": [{"destinationVaultArn": arn} for arn in arns]}]


def test_copies_go_to_vaults_of_the_jurisdiction() -> None:
    inside, outside = (f"arn:aws:backup:{region}:1:backup-vault:v" for region in ("eu-central-1", "us-east-1"))
    assert status(copies(inside)) is Status.PASS
    assert status(copies(inside, outside)) is Status.FAIL
    assert status(copies(UNKNOWN)) is Status.UNDETERMINED
    assert status(copies(UNKNOWN, outside)) is Status.FAIL, "what is unknown hides no violation"
    assert status([{}]) is Status.NOT_APPLICABLE


def test_the_vault_of_a_copy_may_come_from_the_stack() -> None:
    def vault(region: str) -> Resource:
        return resource("aws:backup/vault:Vault", "v", region=region)

    assert status(copies(UNKNOWN), vault("us-east-1")) is Status.FAIL
    assert status(copies(UNKNOWN), vault("eu-west-1")) is Status.UNDETERMINED, "the target, not the copy"
