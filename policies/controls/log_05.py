"""LOG-05: databases send their logs to CloudWatch."""

from policies.control import SOC2, Control, Severity, StackClause, Strength, Verdict, failed, not_applicable, passed
from policies.resources import Resource, Stack
from policies.stores import at_least, data_class

LOGS = {
    "aurora-mysql": "error",
    "aurora-postgresql": "postgresql",
    "mariadb": "error",
    "mysql": "error",
    "postgres": "postgresql",
}
"""Engine -> the log that every database of it has and RDS can export
(https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_LogAccess.Procedural.UploadtoCloudWatch.html)."""

DATABASES = frozenset({"aws:rds/cluster:Cluster", "aws:rds/instance:Instance"})


def database_sends_its_log(database: Resource, _: Stack) -> Verdict:
    if not at_least(database, "confidential"):
        return not_applicable(f"data class {data_class(database)}")
    exported = database.props.get("enabledCloudwatchLogsExports") or ()
    wanted = LOGS.get(database.given("engine") or "")
    if wanted and wanted not in exported:
        return failed(f"enabledCloudwatchLogsExports lacks {wanted}")
    return passed() if exported else failed("enabledCloudwatchLogsExports is empty")


LOG_05 = Control(
    id="LOG-05",
    title="Databases send their logs to CloudWatch",
    severity=Severity.MEDIUM,
    clauses=(StackClause(resource_types=DATABASES, check=database_sends_its_log),),
    maps_to=(SOC2("CC7.2", Strength.DIRECT),),
    risk="A log that stays on the database goes after days, and with the database.",
    remediation="Set enabledCloudwatchLogsExports, with postgresql or error.",
)
