"""Route 53 record changes as strict as AWS: no second record of a name and type, deletion of exactly one; health checks
of CloudWatch alarms, their status, and what a name resolves to (`sandbox/aws/dns`).

https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html
https://docs.aws.amazon.com/Route53/latest/APIReference/API_HealthCheckConfig.html
"""

from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult
from moto.route53 import models, urls
from moto.route53.exceptions import ResourceRecordAlreadyExists
from moto.route53.responses import Route53 as MotoResponse

from sandbox.aws.dns.answers import resolve
from sandbox.aws.dns.health import HEALTH
from sandbox.aws.extensions.wiring import replace_backend, replace_response


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


ALARM_MEMBERS = ("AlarmIdentifier", "InsufficientDataHealthStatus")
"""Members of a health check of an alarm, which moto does not keep, and"""
ENDPOINT_MEMBERS = ("IPAddress", "Port", "RequestInterval", "FailureThreshold", "MeasureLatency", "EnableSNI")
"""those of one of an endpoint, for which it makes defaults."""

_config = models.HealthCheck.health_check_config.fget


def _health_check_config(check: Any) -> dict[str, Any]:
    config = {**_config(check), **getattr(check, "alarm_members", {})}
    if check.type_ in ("CLOUDWATCH_METRIC", "CALCULATED"):
        config |= dict.fromkeys(ENDPOINT_MEMBERS)
    return config


CHECKER, CHECKER_ADDRESS = "us-east-1", "127.0.0.1"


class Route53(MotoResponse):  # type: ignore[misc]
    def create_health_check(self) -> ActionResult:
        answer = super().create_health_check()
        self._keep(answer, self._get_param("HealthCheckConfig"))
        return answer

    def update_health_check(self) -> ActionResult:
        """What the call leaves out stays; moto would take the children and regions away."""
        check = self.backend.get_health_check(self._get_param("HealthCheckId"))
        children, regions = check.children, check.regions
        answer = super().update_health_check()
        check.children, check.regions = check.children or children, check.regions or regions
        self._keep(answer, {name: self._get_param(name) for name in ALARM_MEMBERS})
        return answer

    def get_health_check_status(self) -> ActionResult:
        """One checker's word: here is one. Calculated checks and those of alarms say what they are."""
        name = self._get_param("HealthCheckId")
        self.backend.get_health_check(name)
        seen = HEALTH.observed(name)
        well = HEALTH.healthy(self.current_account, name)
        text = seen.text if seen else f"{'Success' if well else 'Failure'}: by its configuration"
        report = {"Status": text, "CheckedTime": seen.at if seen else datetime.now(UTC)}
        observation = {"Region": CHECKER, "IPAddress": CHECKER_ADDRESS, "StatusReport": report}
        return ActionResult({"HealthCheckObservations": [observation]})

    def test_dns_answer(self) -> ActionResult:
        zone = self.backend.get_hosted_zone(self._get_param("HostedZoneId"))
        name, kind = self._get_param("RecordName"), self._get_param("RecordType")
        found = resolve(name, kind)
        return ActionResult(
            {
                "Nameserver": (zone.delegation_set.name_servers or [""])[0] if zone.delegation_set else "",
                "RecordName": name,
                "RecordType": kind,
                "RecordData": list(found.values),
                "ResponseCode": "NOERROR" if found.values else "NXDOMAIN",
                "Protocol": "UDP",
            }
        )

    @staticmethod
    def _keep(answer: ActionResult, given: dict[str, Any]) -> None:
        check = answer._result["HealthCheck"]
        kept = {name: given[name] for name in ALARM_MEMBERS if given.get(name)}
        check.alarm_members = {**getattr(check, "alarm_members", {}), **kept}


def install() -> None:
    replace_backend(models.route53_backends, models, Route53Backend)
    models.HealthCheck.health_check_config = property(_health_check_config)
    replace_response(urls, MotoResponse, Route53)
    urls.url_paths[r"{0}/(?P<api_version>[\d_-]+)/testdnsanswer$"] = Route53.dispatch
