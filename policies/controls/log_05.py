"""LOG-05: databases send their logs to CloudWatch."""

from policies.control import SOC2, Control, Severity, StackClause, Strength, Verdict, failed, passed
from policies.resources import Resource, Stack
from policies.stores import and_above

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
    exported = database.props.get("enabledCloudwatchLogsExports") or ()
    wanted = LOGS.get(database.given("engine") or "")
    if wanted and wanted not in exported:
        return failed(f"enabledCloudwatchLogsExports lacks {wanted}")
    return passed() if exported else failed("enabledCloudwatchLogsExports is empty")


LOG_05 = Control(
    id="LOG-05",
    title="Databases send their logs to CloudWatch",
    severity=Severity.MEDIUM,
    clauses=(
        StackClause(resource_types=DATABASES, check=database_sends_its_log, data_classes=and_above("confidential")),
    ),
    maps_to=(SOC2("CC7.2", Strength.DIRECT),),
    risk="A log that stays on the database goes after days, and with the database.",
    remediation="Set enabledCloudwatchLogsExports, with postgresql or error.",
)
