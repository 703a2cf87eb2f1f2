"""What AWS answers and a cell's components read, beyond the defaults of `mocks`."""

from collections.abc import Mapping
from typing import Any

PROOF = {"resourceRecordName": "_x.pay.example.com", "resourceRecordType": "CNAME", "resourceRecordValue": "_y.aws"}


def answers(type_: str, name: str, _inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Computed properties of one resource, for `mocks.run(outputs=answers)`."""
    of: dict[str, dict[str, Any]] = {
        "aws:acm/certificate:Certificate": {"domainValidationOptions": [{"domainName": name, **PROOF}]},
        "aws:lb/loadBalancer:LoadBalancer": {
            "dnsName": f"{name}.elb.example",
            "zoneId": "Z32O12XQLNTSW2",
            "arnSuffix": f"app/{name}/50dc6c495c0c9188",
        },
        "aws:lb/targetGroup:TargetGroup": {"arnSuffix": f"targetgroup/{name}/73e2d6bc24d8a067"},
        "aws:sns/topicSubscription:TopicSubscription": {"pendingConfirmation": True},
        "aws:route53/zone:Zone": {"zoneId": "Z0", "nameServers": ["ns-1.example"]},
        "aws:s3/bucket:Bucket": {"bucket": f"{name}-1a2b3c4", "arn": f"arn:aws:s3:::{name}-1a2b3c4"},
        "aws:rds/globalCluster:GlobalCluster": {},
    }
    return of.get(type_, {})
