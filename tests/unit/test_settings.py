"""Stack files: what is wrong is refused before any AWS call, all of it at once, with place, rule and fix."""

from pathlib import Path

import pytest
from config_files import ACCOUNT, CELL, cell, write
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.shard_map import ShardState
from stacks.models import AccountSettings, CellSettings
from stacks.problems import ConfigError, Problem
from stacks.settings import load_stack_file, parse_settings
from stacks.sizing import derive

DIGEST = "sha256:" + "0" * 64


def problems_of(folder: Path, text: str, stack: str = "one") -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        load_stack_file(write(folder, stack, text))
    return list(caught.value.problems)


def the_problem(folder: Path, text: str) -> Problem:
    problems = problems_of(folder, text)
    assert len(problems) == 1, [str(problem) for problem in problems]
    return problems[0]


def test_a_short_cell_file_is_enough(tmp_path: Path) -> None:
    stack = load_stack_file(write(tmp_path, "one", CELL))
    assert (stack.name, stack.kind) == ("one", "cell")
    assert isinstance(stack.settings, CellSettings)
    assert stack.settings.effective_jurisdiction == "eu"


def test_the_engines_own_object_gives_the_same_settings(tmp_path: Path) -> None:
    data = {
        "region": "eu-west-1",
        "environment": "production",
        "account": "account",
        "peakPaymentsPerSecond": 100,
        "domain": "one.example.com",
        "backups": {"noCopyReason": "no other account in these tests"},
    }
    assert parse_settings("cell", data) == load_stack_file(write(tmp_path, "one", CELL)).settings


def test_every_mistake_of_a_file_is_reported_at_once_with_its_line(tmp_path: Path) -> None:
    text = cell(
        region="eu-west-9",
        environment="prod",
        zones="7",
        shards="{count: 5, instanceClass: db.r7g.larg, reader: 1}",
        quotas="{db-cluster: 4}",
        regoin="eu-west-1",
    )
    problems = problems_of(tmp_path, text)
    lines = {problem.key: problem.line for problem in problems}
    numbered = {line.split(":")[0].strip(): n for n, line in enumerate(text.splitlines(), start=1)}
    assert lines == {
        "region": numbered["region"],
        "environment": numbered["environment"],
        "zones": numbered["zones"],
        "shards.count": numbered["shards"],
        "shards.instanceClass": numbered["shards"],
        "shards.reader": numbered["shards"],
        "quotas.db-cluster": numbered["quotas"],
        "regoin": numbered["regoin"],
    }
    nearest = {problem.key: problem.nearest for problem in problems}
    assert nearest["shards.instanceClass"] == "db.r7g.large"
    assert nearest["shards.reader"] == "readers"
    assert nearest["quotas.db-cluster"] == "db-clusters"
    assert nearest["regoin"] == "region"


def test_the_message_names_key_value_rule_fix_and_place(tmp_path: Path) -> None:
    problem = the_problem(tmp_path, cell(shards="{count: 5}"))
    assert str(problem) == (
        f"shards.count: 5 does not divide 4,096 slots; use 4 or 8 ({tmp_path}/Pulumi.one.yaml:{problem.line})"
    )


@pytest.mark.parametrize(
    ("change", "key", "rule"),
    [
        ({"region": "mars-1"}, "region", "is not a region"),
        ({"jurisdiction": "us"}, "region", "outside jurisdiction us"),
        ({"jurisdiction": "ue"}, "jurisdiction", "is not a jurisdiction"),
        ({"recoveryRegion": "us-east-1"}, "recoveryRegion", "outside jurisdiction eu"),
        ({"recoveryRegion": "eu-west-1"}, "recoveryRegion", "the cell's own region"),
        ({"zones": "1"}, "zones", "leaves production without a second zone"),
        ({"zones": "0"}, "zones", "less than 1"),
        ({"cidr": "10.0.0.0/15"}, "cidr", "not a /16 to /20"),
        ({"cidr": "8.8.0.0/16"}, "cidr", "not a private block"),
        ({"cidr": "172.20.0.0/16"}, "cidr", "overlaps the services' block"),
        ({"cidr": "10.0.0.1/16"}, "cidr", "not an IPv4 block"),
        ({"peakPaymentsPerSecond": "0"}, "peakPaymentsPerSecond", "less than 1"),
        ({"peakPaymentsPerSecond": "many"}, "peakPaymentsPerSecond", "integer"),
        ({"peakPaymentsPerSecond": ""}, "peakPaymentsPerSecond", "is missing"),
        ({"domain": "One.example.com"}, "domain", "not a DNS name"),
        ({"hostedZoneId": "pay.example.com"}, "hostedZoneId", "not the id of a hosted zone"),
        ({"shards": "{masterPasswordVersion: 0}"}, "shards.masterPasswordVersion", "less than 1"),
        ({"endpoint": "{allowedCidrs: [0.0.0.0/0]}"}, "endpoint.allowedCidrs.0", "much of the world"),
        ({"retention": "{logDays: 364}"}, "retention.logDays", "CloudWatch Logs takes"),
        ({"retention": "{backupDays: 3}"}, "retention.backupDays", "BCK-01"),
        (
            {"backups": "{copyVaultArn: 'arn:aws:backup:us-east-1:210987654321:backup-vault:copies'}"},
            "backups.copyVaultArn",
            "us-east-1 is outside jurisdiction eu",
        ),
        ({"backups": "{copyVaultArn: copies}"}, "backups.copyVaultArn", "not the ARN of a backup vault"),
        ({"backups": "{noCopyReason: later}"}, "backups.noCopyReason", "20"),
        (
            {
                "backups": "{copyVaultArn: 'arn:aws:backup:eu-west-1:210987654321:backup-vault:copies', "
                "noCopyReason: no other account in these tests}"
            },
            "backups.noCopyReason",
            "are copied to copyVaultArn",
        ),
        ({"backups": "{coolingOffDays: 2}"}, "backups.coolingOffDays", "less than 3"),
        ({"backups": "{dailyDays: 0}"}, "backups.dailyDays", "less than 1"),
        ({"shards": "{count: 2, readers: 0}"}, "shards.readers", "without a standby"),
        ({"shards": "{instanceClass: db.t4g.large}"}, "shards.instanceClass", "CPU credits"),
        (
            {
                "environment": "staging",
                "recoveryRegion": "eu-central-1",
                "shards": "{instanceClass: db.t4g.large}",
            },
            "shards.instanceClass",
            "refused by the global database",
        ),
        ({"shards": "{overrides: {acct_1: s00}}"}, "shards", "need a fixed count"),
        ({"shards": "{count: 2, overrides: {acct_1: s05}}"}, "shards.overrides.acct_1", "is not a shard"),
        (
            {"shards": "{count: 2, changes: [{kind: add, shard: s05, at: 2026-11-01}]}"},
            "shards.changes.0",
            "add 's05': ids are given in order",
        ),
        (
            {"nodes": "{gateway: {instanceTypes: [m9], minimum: 1, maximum: 2}}"},
            "nodes.gateway.instanceTypes.0",
            "type",
        ),
        (
            {"nodes": "{gateway: {instanceTypes: [m7g.large], minimum: 3, maximum: 2}}"},
            "nodes.gateway.minimum",
            "above maximum 2",
        ),
        ({"versions": "{kubernetes: '1.30'}"}, "versions.kubernetes", "is not a version of catalogue/versions.yaml"),
        ({"versions": "{kubernetes: 1.36}"}, "versions.kubernetes", "is a number in YAML"),
        ({"versions": "{aurora: '17.8'}"}, "versions.aurora", "is not a version of catalogue/versions.yaml"),
        ({"versions": "{shards: {s00: '17.1'}}"}, "versions.shards.s00", "is not a version of"),
        ({"versions": "{kubernetes: '1.35', nodes: '1.36'}"}, "versions.nodes", "does not go with a control plane"),
        ({"versions": "{kubernetes: '1.35', addons: '1.36'}"}, "versions.addons", "does not go with a control plane"),
        ({"versions": "{upgrading: first}"}, "versions.upgrading", "is not a shard id"),
        ({"administrators": "{ops: arn:aws:iam::1:user/x}"}, "administrators.ops", "not the ARN of a role"),
    ],
)
def test_a_value_against_a_rule_is_refused_at_its_key(
    tmp_path: Path, change: dict[str, str], key: str, rule: str
) -> None:
    problem = the_problem(tmp_path, cell(**change))
    assert problem.key == key
    assert rule in problem.rule
    assert problem.fix


def test_three_broken_rules_between_settings_are_all_reported(tmp_path: Path) -> None:
    text = cell(zones="1", recoveryRegion="us-east-1", shards="{count: 2, readers: 0}")
    assert {problem.key for problem in problems_of(tmp_path, text)} == {"zones", "recoveryRegion", "shards.readers"}


def test_an_account_id_without_quotes_is_refused(tmp_path: Path) -> None:
    problem = the_problem(tmp_path, ACCOUNT.replace('"', ""))
    assert "drops leading zeros" in problem.rule


def test_a_deploy_role_of_another_account_is_refused(tmp_path: Path) -> None:
    text = ACCOUNT + "    deployRoleArn: arn:aws:iam::210987654321:role/deploy\n"
    assert the_problem(tmp_path, text).key == "deployRoleArn"


def test_an_account_keeps_audit_logs_a_year(tmp_path: Path) -> None:
    assert the_problem(tmp_path, ACCOUNT + "    logRetentionDays: 30\n").rule == "is less than 365"
    stack = load_stack_file(write(tmp_path, "account", ACCOUNT))
    assert isinstance(stack.settings, AccountSettings)
    assert stack.settings.log_retention_days == 365


@pytest.mark.parametrize("text", [cell(syntheticData="true"), ACCOUNT + "    syntheticData: true\n"])
def test_production_is_never_synthetic(tmp_path: Path, text: str) -> None:
    problem = the_problem(tmp_path, text)
    assert (problem.key, problem.rule) == ("syntheticData", "production is real")
    assert problem.fix == "remove it, or set another environment"


def test_only_production_has_a_vault_lock_that_nobody_can_lift(tmp_path: Path) -> None:
    problem = the_problem(tmp_path, cell(environment="staging", backups="{coolingOffDays: 14}"))
    assert problem.key == "backups.coolingOffDays"
    assert "nobody can lift" in problem.rule


@pytest.mark.parametrize(
    ("lines", "key", "rule"),
    [
        ("    adopted: {trailLogGroup: org-trail}\n", "adopted", "for guardrails that exist"),
        (
            "    guardrails: adopt\n    adopted: {trailLogGroup: 'arn:aws:logs:eu-west-1:1:log-group:x'}\n",
            "adopted.trailLogGroup",
            "not the name of a log group",
        ),
        (
            "    guardrails: adopt\n    adopted: {loadBalancerLogBuckets: {mars-1: logs}}\n",
            "adopted.loadBalancerLogBuckets.mars-1",
            "not a region",
        ),
        ("    monthlyBudgetUsd: 1000\n", "monthlyBudgetUsd", "tells nobody"),
        (
            "    breakGlass: {principalArns: ['arn:aws:iam::123456789012:user/one']}\n",
            "breakGlass",
            "nobody would hear of its use (IAM-07)",
        ),
        (
            "    guardrails: adopt\n    contactEmail: a@example.com\n"
            "    breakGlass: {principalArns: ['arn:aws:iam::123456789012:user/one']}\n",
            "breakGlass",
            "nobody would hear of its use (IAM-07)",
        ),
        (
            "    breakGlass: {principalArns: ['arn:aws:iam::123456789012:role/one']}\n",
            "breakGlass.principalArns.0",
            "not the ARN of an IAM user",
        ),
        (
            "    contactEmail: a@example.com\n"
            "    breakGlass: {principalArns: ['arn:aws:iam::123456789012:user/one'], sessionHours: 5}\n",
            "breakGlass.sessionHours",
            "is more than 4",
        ),
        ("    monthlyBudgetUsd: 0\n    contactEmail: a@example.com\n", "monthlyBudgetUsd", "less than 1"),
        (
            "    securityContact: {name: A, title: B, email: a@example.com, phone: 5550100}\n",
            "securityContact.phone",
            "string",
        ),
        (
            "    securityContact: {name: A, title: B, email: a@example.com, phone: '555'}\n",
            "securityContact.phone",
            "telephone number",
        ),
        ("    securityContact: {name: A, title: B, email: a@example.com}\n", "securityContact.phone", "is missing"),
    ],
)
def test_an_accounts_guardrails_are_checked(tmp_path: Path, lines: str, key: str, rule: str) -> None:
    account = ACCOUNT.replace("    contactEmail: oncall@example.com\n", "")
    problem = the_problem(tmp_path, account + lines)
    assert problem.key == key
    assert rule in problem.rule


@pytest.mark.parametrize("image", ["a:latest", "example.com/a", "sha256:12", f"example.com/a@{DIGEST}"])
def test_an_image_is_a_digest_so_that_no_other_registry_can_be_written(tmp_path: Path, image: str) -> None:
    text = f"config:\n  payment-cell:workloads:\n    cell: one\n    images:\n      autoscaler: {image}\n"
    problem = the_problem(tmp_path, text)
    assert (problem.key, problem.line, problem.value) == ("images.autoscaler", 5, image)
    assert "digest" in problem.rule


def test_an_image_by_digest_is_accepted(tmp_path: Path) -> None:
    text = f"config:\n  payment-cell:workloads:\n    cell: one\n    images: {{autoscaler: '{DIGEST}'}}\n"
    assert load_stack_file(write(tmp_path, "one-workloads", text)).kind == "workloads"


def test_an_image_that_nothing_uses_is_refused(tmp_path: Path) -> None:
    text = f"config:\n  payment-cell:workloads:\n    cell: one\n    images: {{karpenter: '{DIGEST}'}}\n"
    problem = the_problem(tmp_path, text)
    assert problem.key.startswith("images.karpenter")
    assert ("nothing would use it" in problem.rule, problem.fix) == (
        True,
        "use autoscaler, load-balancer, gateway, payments, relay, scorer",
    )


def test_a_cell_carries_payments_with_all_programs_or_none(tmp_path: Path) -> None:
    images = f"{{payments: '{DIGEST}', gateway: '{DIGEST}'}}"
    text = f"config:\n  payment-cell:workloads:\n    cell: one\n    images: {images}\n"
    problem = the_problem(tmp_path, text)
    assert (problem.key, problem.fix) == ("images", "name all of them, or none")
    assert problem.rule == "a payment needs relay, scorer too"


SECRETS = {
    "an access key": "domain: AKIA" + "IOSFODNN7EXAMPLE",
    "a secret key": "domain: wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "EXAMPLEKEY",
    "a private key": "domain: '-----BEGIN RSA " + "PRIVATE KEY-----'",
    "a token": "domain: ghp_" + "a1B2" * 9,
    "a signed token": "domain: eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abc",
    "a URL with a password": "domain: postgres://admin:hunter2@db.example.com",
    "a password by its key": "databasePassword: hunter2",
    "a nested credential": "shards: {credentials: {value: hunter2}}",
}


@pytest.mark.parametrize("line", SECRETS.values(), ids=SECRETS.keys())
def test_a_secret_in_plain_text_is_refused_and_never_repeated(tmp_path: Path, line: str) -> None:
    text = f"{CELL}    {line}\n" if not line.startswith("domain") else CELL.replace("domain: one.example.com", line)
    problems = problems_of(tmp_path, text)
    assert any("in plain text" in problem.rule for problem in problems)
    secret = line.partition(": ")[2].strip("'")
    assert all(secret not in str(problem) and "hunter2" not in str(problem) for problem in problems)


def test_a_secret_in_a_comment_is_refused(tmp_path: Path) -> None:
    problem = the_problem(tmp_path, CELL + "# old key: AKIA" + "IOSFODNN7EXAMPLE\n")
    assert problem.line == 9


def test_what_pulumi_encrypted_is_no_secret_in_plain_text(tmp_path: Path) -> None:
    salt = "encryptionsalt: v1:H43oCTl+TKc=:v1:uxfqfW5ncVOx3rQC:mYKHJXSbpKGEznpgkCYfG3r8Z2OPTw==\n"
    assert load_stack_file(write(tmp_path, "one", CELL + salt)).kind == "cell"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "has no config"),
        ("[]", "has no config"),
        ("config: {}\n", "names no stack kind"),
        ("config:\n  payment-cell:cel: {}\n", "is not a key of this project"),
        ("config:\n  aws:region: eu-west-1\n", "is not a key of this project"),
        ("config:\n  payment-cell:cell: text\n", "is not a mapping"),
        ("config:\n  a: [\n", "is not YAML"),
        ("config: {a: &x 1, b: *x}\n", "uses a YAML alias"),
        ("config: !!python/object/apply:os.system [id]\n", "uses the YAML tag"),
        ("config: !secret x\n", "uses the YAML tag"),
        ("config: {<<: {a: 1}}\n", "merge key"),
        ("config: {? [a] : 1}\n", "a key that is not a word"),
        ("config: 0x" + "f" * 70_000, "bytes"),
        ("a: 1\nconfig:\n  payment-cell:cell: {}\n", "is not a key of a Pulumi stack file"),
    ],
)
def test_a_file_that_is_no_stack_file_is_refused(tmp_path: Path, text: str, rule: str) -> None:
    assert any(rule in problem.rule for problem in problems_of(tmp_path, text))


def test_two_kinds_in_one_file_are_refused(tmp_path: Path) -> None:
    problem = the_problem(tmp_path, CELL + "  payment-cell:workloads:\n    cell: one\n")
    assert "second kind" in problem.rule
    assert problem.line == 9


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    problem = the_problem(tmp_path, CELL + "    zones: 2\n    zones: 3\n")
    assert (problem.key, problem.line) == ("zones", 10)
    assert "first in line 9" in problem.rule


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "Pulumi.one.yaml"
    path.write_bytes(b"config: \xff\n")
    with pytest.raises(ConfigError, match="is not UTF-8"):
        load_stack_file(path)


def test_a_missing_file_and_a_wrong_name_are_configuration_errors(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_stack_file(tmp_path / "Pulumi.none.yaml")
    with pytest.raises(ConfigError, match="is not named Pulumi"):
        load_stack_file(tmp_path / "Pulumi.One.yml")


def test_declared_changes_shape_the_map(tmp_path: Path) -> None:
    changes = "[{kind: add, shard: s02, at: 2026-11-01}, {kind: serve, shard: s02, at: 2026-11-02}]"
    stack = load_stack_file(write(tmp_path, "one", cell(shards=f"{{count: 2, changes: {changes}}}")))
    assert isinstance(stack.settings, CellSettings)
    plan = derive("one", stack.settings)
    assert [(shard.id, shard.state) for shard in plan.shards] == [(f"s0{n}", ShardState.SERVING) for n in range(3)]
    assert (plan.shard_map.version, plan.shard_map.at) == (4, "2026-11-02")


def test_a_date_may_come_as_pulumis_engine_passes_it_on() -> None:
    # Seen with engine 3.259: `at: 2026-12-01` in the file arrives like this.
    change = {"kind": "add", "shard": "s02", "at": "2026-12-01 00:00:00 +0000 UTC"}
    data = {
        "region": "eu-west-1",
        "environment": "production",
        "account": "account",
        "peakPaymentsPerSecond": 100,
        "domain": "one.example.com",
        "shards": {"count": 2, "changes": [change]},
    }
    parsed = parse_settings("cell", data)
    assert isinstance(parsed, CellSettings)
    assert parsed.shards.changes[0].at.isoformat() == "2026-12-01"


_scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=20)
_trees = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner)
)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["account", "cell", "workloads"]),
    st.dictionaries(
        st.sampled_from(
            ["region", "shards", "nodes", "cidr", "zones", "endpoint", "retention", "accountId", "cell", "x"]
        ),
        _trees,
    ),
)
def test_no_object_whatever_gives_anything_but_settings_or_problems(kind: str, data: dict[str, object]) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_settings(kind, data)
    assert caught.value.problems
