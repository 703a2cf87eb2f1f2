"""LOG-09: access to personal data in PostgreSQL is audited, and no bind value is logged.

Live: which tables the audit role is granted.
"""

from collections.abc import Mapping

from policies.control import (
    SOC2,
    Control,
    Severity,
    StackClause,
    Strength,
    Verdict,
    failed,
    not_applicable,
    passed,
    undetermined,
)
from policies.resources import Resource, Stack
from policies.stores import and_above

_GROUPS: Mapping[str, tuple[str, str]] = {
    "aws:rds/cluster:Cluster": ("dbClusterParameterGroupName", "aws:rds/clusterParameterGroup:ClusterParameterGroup"),
    "aws:rds/instance:Instance": ("parameterGroupName", "aws:rds/parameterGroup:ParameterGroup"),
}
"""Database -> the property that names its parameter group, and the group's type."""


def audits_access_to_personal_data(database: Resource, stack: Stack) -> Verdict:
    """pgaudit is loaded and logs either classes of statements or what its role is granted
    (https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Appendix.PostgreSQL.CommonDBATasks.pgaudit.html)."""
    parameters = _parameters(database, stack)
    if isinstance(parameters, Verdict):
        return parameters
    if "pgaudit" not in parameters.get("shared_preload_libraries", "").replace(" ", "").split(","):
        return failed("shared_preload_libraries lacks pgaudit")
    if parameters.get("pgaudit.log", "none") == "none" and not parameters.get("pgaudit.role"):
        return failed("neither pgaudit.log nor pgaudit.role is set")
    return passed()


def keeps_values_out_of_the_log(database: Resource, stack: Stack) -> Verdict:
    """PostgreSQL's defaults: -1, all of it, with a statement; 0 with an error; off in pgaudit
    (https://www.postgresql.org/docs/17/runtime-config-logging.html, https://github.com/pgaudit/pgaudit)."""
    parameters = _parameters(database, stack)
    if isinstance(parameters, Verdict):
        return parameters
    for name, default in (("log_parameter_max_length", "-1"), ("log_parameter_max_length_on_error", "0")):
        if parameters.get(name, default) != "0":
            return failed(f"{name} is {parameters.get(name, default)}, not 0")
    if parameters.get("pgaudit.log_parameter", "off") not in ("off", "0", "false"):
        return failed("pgaudit.log_parameter is on")
    return passed()


def _parameters(database: Resource, stack: Stack) -> Mapping[str, str] | Verdict:
    """Name -> value of what the database's parameter group sets."""
    engine = database.props.get("engine") or ""
    if "postgres" not in engine:
        return not_applicable(f"engine is {engine or 'not set'}")
    name, type_ = _GROUPS[database.type]
    for group in stack.of(type_):
        named = database.maybe(name)
        if group.urn in database.references.get(name, ()) or (named and named == group.maybe("name")):
            return {one["name"]: str(one["value"]) for one in group.props.get("parameters") or ()}
    if not (own := database.given(name)) or own.startswith("default."):
        return failed(f"{name} is not set: AWS's own parameters hold, without pgaudit and with bind values")
    return undetermined(f"{name} is {own}, which is not in the stack")


LOG_09 = Control(
    id="LOG-09",
    title="Access to personal data in PostgreSQL is audited, and no bind value is logged",
    severity=Severity.HIGH,
    clauses=tuple(
        StackClause(resource_types=frozenset(_GROUPS), check=check, data_classes=and_above("personal"))
        for check in (audits_access_to_personal_data, keeps_values_out_of_the_log)
    ),
    maps_to=(SOC2("CC7.2", Strength.PARTIAL),),
    risk="Nobody can say who read a person's rows; or the log holds a copy of what the table protects.",
    remediation="Load pgaudit, set pgaudit.role or pgaudit.log, and set log_parameter_max_length to 0.",
)
