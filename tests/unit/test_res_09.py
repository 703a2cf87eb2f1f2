"""RES-09: replicas of images and secrets."""

from policies.control import Status
from policies.testing import UNKNOWN, resource, verdicts


def secret(*regions: str) -> Status:
    replicas = [{"region": region} for region in regions]
    found = resource("aws:secretsmanager/secret:Secret", "s", region="eu-west-1", replicas=replicas)
    return verdicts("RES-09", found)["s", "secret_stays_inside"]


def images(*regions: str) -> Status:
    rules = [{"destinations": [{"region": region}]} for region in regions]
    type_ = "aws:ecr/replicationConfiguration:ReplicationConfiguration"
    found = resource(type_, "i", region="eu-west-1", replicationConfiguration={"rules": rules})
    return verdicts("RES-09", found)["i", "images_stay_inside"]


def test_replicas_stay_in_the_jurisdiction() -> None:
    for replicated in (secret, images):
        assert replicated("eu-central-1") is Status.PASS
        assert replicated("eu-central-1", "us-east-1") is Status.FAIL
        assert replicated(UNKNOWN) is Status.UNDETERMINED
        assert replicated(UNKNOWN, "us-east-1") is Status.FAIL, "what is unknown hides no violation"
        assert replicated() is Status.NOT_APPLICABLE
