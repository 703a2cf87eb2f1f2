"""Route 53 record changes as strict as AWS: no second record of a name and type, deletion of exactly one.

https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html
"""

from typing import Any

from moto.route53 import models
from moto.route53.exceptions import ResourceRecordAlreadyExists

from sandbox.aws.extensions.wiring import replace_backend


def _identity(record: dict[str, Any]) -> tuple[str, str, str | None]:
    return record["Name"].rstrip(".").lower() + ".", record["Type"], record.get("SetIdentifier")


class Route53Backend(models.Route53Backend):  # type: ignore[misc]
    def change_resource_record_sets(self, zoneid: str, change_list: list[dict[str, Any]]) -> None:
        zone = self.get_hosted_zone(zoneid)
        existing = {(found.name.lower(), found.type, found.set_identifier) for found in zone.rrsets}
        existing -= {_identity(change["ResourceRecordSet"]) for change in change_list if change["Action"] == "DELETE"}
        for change in change_list:
            name, kind, identifier = _identity(change["ResourceRecordSet"])
            if change["Action"] == "CREATE" and (name, kind, identifier) in existing:
                raise ResourceRecordAlreadyExists(name=name, _type=kind)
        deleted = [_identity(change["ResourceRecordSet"]) for change in change_list if change["Action"] == "DELETE"]
        before = list(zone.rrsets)
        super().change_resource_record_sets(zoneid, change_list)
        # moto deletes by set identifier or by name and type alone, and takes along what merely shares one of them.
        kept = [record for record in before if (record.name.lower(), record.type, record.set_identifier) not in deleted]
        changed = [_identity(change["ResourceRecordSet"]) for change in change_list if change["Action"] != "DELETE"]
        lost = [record for record in kept if record not in zone.rrsets]
        zone.rrsets += [r for r in lost if (r.name.lower(), r.type, r.set_identifier) not in changed]


def install() -> None:
    replace_backend(models.route53_backends, models, Route53Backend)
