"""`cell` as a shell meets it: exit codes, messages, formats, terminals. Nothing here comes up."""

import json
import os
import pty
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from cell import DEVELOPMENT_ACCOUNT, Aws, Project

from components.boundary import MAX_CHARACTERS
from conftest import Sandbox
from operations.iam import READS, Role

pytestmark = [pytest.mark.engine, pytest.mark.long]

ACCOUNT = "account-dev"
"""The stack that is the quickest to preview."""

OK, CONFIGURATION, AUTHENTICATION, RESOURCE, POLICY_VIOLATION, STACK_NOT_FOUND, CANCELLED = 0, 2, 3, 4, 5, 6, 8
"""Pulumi's own exit codes (`pulumi help exit-codes`)."""


@pytest.fixture
def project(sandbox: Sandbox, tmp_path: Path) -> Project:
    return Project.copy(sandbox, tmp_path / "project")


def test_mistake_in_a_stack_file_is_named_with_file_and_line_before_anything_happens(project: Project) -> None:
    project.configure("dev", region="eu-west-9")
    line = 1 + project.stack_file("dev").read_text().splitlines().index("    region: eu-west-9")

    for command in (("up", "dev", "--yes"), ("preview", "dev"), ("list",)):
        refused = project.cell(*command, code=CONFIGURATION)
        assert "region: eu-west-9 is not a region of catalogue/regions.yaml" in refused.stderr
        assert f"(stacks/Pulumi.dev.yaml:{line})" in refused.stderr
        assert refused.stdout == ""


def test_config_check_reports_all_mistakes_at_once_on_standard_output(project: Project) -> None:
    project.configure("dev", peakPaymentsPerSecond=0)
    project.configure("us-west-2", jurisdiction="eu")

    found = json.loads(project.cell("config", "check", "-o", "json", code=CONFIGURATION).stdout)

    assert {(Path(problem["file"]).name, problem["key"]) for problem in found} == {
        ("Pulumi.dev.yaml", "peakPaymentsPerSecond"),
        ("Pulumi.us-west-2.yaml", "region"),
    }
    assert {row["result"] for row in project.data("config", "check", "eu-west-1")} == {"valid"}


@pytest.mark.parametrize(
    "command",
    [
        ("up", "nowhere", "--yes"),
        ("preview", "nowhere"),
        ("cost", "nowhere"),
        ("refresh", "nowhere", "--yes"),
        ("destroy", "nowhere", "--yes"),
        ("disarm", "nowhere", "--yes"),
        ("preflight", "nowhere"),
        ("upgrade", "nowhere", "--plan"),
        ("iam", "nowhere"),
        ("graph", "nowhere"),
        ("clone", "nowhere", "--as", "copy", "--yes"),
        ("status", "nowhere"),
        ("outputs", "nowhere"),
        ("config", "check", "nowhere"),
        ("config", "explain", "nowhere"),
    ],
    ids=" ".join,
)
def test_unknown_stack_is_exit_code_six_and_one_line(project: Project, command: tuple[str, ...]) -> None:
    refused = project.cell(*command, code=STACK_NOT_FOUND)

    assert "nowhere" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert refused.stdout == ""


@pytest.mark.parametrize("command", ["up", "refresh", "destroy", "disarm"])
def test_without_a_terminal_nothing_is_done_unasked(project: Project, command: str) -> None:
    refused = project.cell(command, "dev", code=CONFIGURATION)

    assert refused.stderr == "no terminal to ask on: add --yes\n"
    assert project.resources("dev") == []


def test_without_a_terminal_nothing_is_cloned_and_nothing_expired_reaped(project: Project) -> None:
    before = project.stack_files()
    assert project.cell("clone", "dev", "--as", "dev-two", code=CONFIGURATION).stderr.endswith("add --yes\n")
    assert project.stack_files() == before

    project.configure("dev", expires="2026-01-31")
    assert project.cell("reap", code=CONFIGURATION).stderr.endswith("add --yes\n")
    assert [(row["stack"], row["done"]) for row in project.data("reap", "--dry-run")] == [("dev", [])]
    assert project.stack_files().keys() == before.keys()


def test_no_as_the_answer_is_exit_code_eight_and_creates_nothing(project: Project) -> None:
    code, text = on_terminal(project, "up", ACCOUNT, answer="n\n")

    assert code == CANCELLED, text
    assert "Apply?" in text
    assert "cancelled; nothing was changed" in text
    assert project.resources(ACCOUNT) == []


def test_policy_violation_stops_an_up_before_anything_is_created(project: Project) -> None:
    weak = """    import pulumi_aws
    weak = pulumi.ResourceOptions(provider=provider)
    pulumi_aws.kms.Key("weak", enable_key_rotation=False, opts=weak)
"""
    source, end = project.folder / "stacks" / "account.py", '    return {\n        "accountId"'
    source.write_text(source.read_text().replace(end, weak + end))

    refused = project.cell("up", ACCOUNT, "--yes", code=POLICY_VIOLATION)

    for pack in ("gdpr", "soc2"):
        assert re.search(rf"\[mandatory\] payment-cell-{pack} weak: [^\[]+.*\s.*KEY-03", refused.stderr), refused.stderr
    assert project.resources(ACCOUNT) == []
    assert Aws(project.sandbox, DEVELOPMENT_ACCOUNT).client("kms", "eu-west-1").list_keys()["Keys"] == []


def test_preflight_says_what_is_fit_what_is_not_and_what_only_aws_knows(project: Project) -> None:
    report = project.data("preflight", "dev")

    results = {check["check"]: check["result"] for check in report["checks"]}
    assert {results[name] for name in ("credentials", "deploy role", "account", "region eu-west-1", "zones")} == {"ok"}
    assert results["cluster endpoint"] == "not observed"
    quotas = {quota["name"]: quota for quota in report["quotas"]}
    assert (quotas["vpcs"]["result"], quotas["vpcs"]["origin"]) == ("ok", "emulator")
    assert quotas["eks-clusters"]["result"] == "not observed"
    assert report["emulated"] is True
    assert "emulated: the endpoint is not AWS" in project.cell("preflight", "dev").stderr
    production = {check["check"]: check for check in project.data("preflight", "eu-west-1")["checks"]}
    assert production["state"]["result"] == "not observed"
    assert "on AWS is refused for production" in production["state"]["found"]


def test_preflight_refuses_another_account_before_anything_is_created(project: Project) -> None:
    project.configure(ACCOUNT, accountId="999999999999", deployRoleArn=None)

    for command in (("preflight", "dev"), ("up", "dev", "--yes"), ("up", "dev-workloads", "--yes")):
        refused = project.cell(*command, code=AUTHENTICATION)
        assert "the credentials are of 123456789012, accountId is 999999999999" in refused.stderr
        assert "not asked" in refused.stdout
    assert "nothing was created" in refused.stderr
    assert project.resources(ACCOUNT) == project.resources("dev") == []


def test_preflight_names_a_quota_that_is_too_small_and_what_to_ask_for(project: Project) -> None:
    project.configure("dev", region="sa-east-1", peakPaymentsPerSecond=1000)

    short = project.cell("preflight", "dev", code=RESOURCE)
    assert "quota eventbridge-invocations: 6,000 needed, 1,100 there" in short.stderr
    assert "--region sa-east-1 --service-code events --quota-code L-5540C5E3 --desired-value 7500" in short.stderr
    assert "(`cell preflight` has the request)" in project.cell("up", "dev", "--yes", code=CONFIGURATION).stderr
    assert project.resources("dev") == []

    project.configure("dev", quotas={"eventbridge-invocations": 7500, "eventbridge-put-events": 1000})
    quotas = {quota["name"]: quota for quota in project.data("preflight", "dev")["quotas"]}
    assert (quotas["eventbridge-invocations"]["result"], quotas["eventbridge-invocations"]["have"]) == ("ok", 7500)


def test_formats_hold_the_same_data(project: Project) -> None:
    for command in (("list",), ("config", "check"), ("config", "explain", "dev")):
        data = project.data(*command)
        assert yaml.safe_load(project.cell(*command, "-o", "yaml").stdout) == data
        assert project.cell(*command).stdout.strip()
    assert {"eu-west-1", "dev", "account"} <= {row["stack"] for row in project.data("list")}
    assert project.data("config", "explain", "dev")["firstCap"]


def test_cost_of_a_cell_is_known_before_anything_is_deployed_and_leaves_nothing(project: Project) -> None:
    files = project.stack_files()

    found = project.data("cost", "dev")

    assert {"Cluster", "Nodes", "Shard", "Network", "Endpoints", "EventLog"} <= found["byComponent"].keys()
    assert found["complete"]
    assert 0 < found["usd"] < found["monthlyCeilingUsd"]
    assert "no rule knows this type" not in found["notPriced"].values()
    # Zones, instances and sizes that only the program knows, not the stack file.
    quantities = {line["price"]: line["quantity"] for line in found["lines"]}
    assert (quantities["nat.hour"], quantities["proxy.vcpu"]) == (730, 2 * 730)
    assert {row["resources"] for row in project.data("list")} == {0}
    assert project.stack_files() == files


def test_a_replica_is_priced_beside_the_cell_that_it_would_follow(project: Project) -> None:
    project.configure("eu-west-1", recoveryRegion="eu-central-1")
    priced = project.cell("cost", "eu-west-1", "--replica", "-o", "json")
    found = json.loads(priced.stdout)

    replica = found["replica"]
    assert replica["recoveryRegion"] == "eu-central-1"
    assert 0 < replica["usd"] < found["usd"]
    assert {"Replication", "Shard"} <= replica["byComponent"].keys()
    assert replica["usd"] == pytest.approx(sum(line["usd"] for line in replica["lines"]), abs=0.01)
    assert "emulated: the endpoint is not AWS" in priced.stderr


def test_iam_prints_the_policies_of_each_role(project: Project) -> None:
    printed = {role: project.data("iam", "dev", "--role", role) for role in Role if role is not Role.REPLICAS}
    refused = project.cell("iam", "dev", "--role", Role.REPLICAS, code=CONFIGURATION)
    assert "makes no replicas of tables; name a pair" in refused.stderr

    rows = [row for some in printed.values() for row in some]
    assert all(row["document"]["Statement"] and 0 < row["characters"] <= MAX_CHARACTERS for row in rows)
    assert len({row["name"] for row in rows}) == len(rows)
    reads, all_ = ({a for row in printed[r] for a in actions(row["document"])} for r in (Role.READ_ONLY, Role.DEPLOY))
    assert reads < all_
    # Opens the state, which the cell's runner says where it is.
    assert all(action.partition(":")[2].startswith(READS) for action in reads - {"kms:Decrypt"})
    shown = project.cell("iam", "dev")
    assert "payment-cell-deploy-dev-1" in shown.stdout
    assert "the documents: cell iam dev --role deploy -o json" in shown.stderr
    assert "emulated: the endpoint is not AWS" in shown.stderr


def test_preview_says_what_the_bill_becomes(project: Project) -> None:
    shown = project.cell("preview", ACCOUNT).stderr
    assert re.search(rf"{ACCOUNT}: USD \+\d+\.\d\d a month, \d+\.\d\d in all: .*\bKeys \+", shown), shown


def test_colours_are_for_terminals_and_no_color_switches_them_off(project: Project) -> None:
    plain = project.cell("up", "nowhere", "--yes", code=STACK_NOT_FOUND).stderr
    _, coloured = on_terminal(project, "up", "nowhere", "--yes")
    _, switched_off = on_terminal(project, "up", "nowhere", "--yes", NO_COLOR="1")

    assert "\x1b[" not in plain
    assert "\x1b[31m" in coloured
    assert "\x1b[3" not in switched_off


def test_new_cell_is_valid_at_once_and_replaces_nothing(project: Project) -> None:
    before = project.stack_files()

    written = project.cell("new", "eu-north-1", "--environment", "staging", "--peak", "50").stderr

    names = {"Pulumi.eu-north-1-staging.yaml", "Pulumi.eu-north-1-staging-workloads.yaml"}
    assert project.stack_files().keys() - before.keys() == names
    assert all(name in written for name in names)
    assert {row["result"] for row in project.data("config", "check")} == {"valid"}
    assert project.data("config", "explain", "eu-north-1-staging")["cell"] == "eu-north-1-staging"
    again = project.cell("new", "eu-north-1", "--environment", "staging", code=CONFIGURATION)
    assert "exists already" in again.stderr
    assert "--copy-vault" in project.cell("new", "eu-north-1", code=CONFIGURATION).stderr
    assert "did you mean eu-west-1?" in project.cell("new", "eu-west-11", code=CONFIGURATION).stderr


def test_completion_prints_a_script_and_completes_commands(project: Project) -> None:
    # Which script it prints depends on the shell that runs it; the last command of `bash -c` would replace the shell.
    assert "complete" in project.shell("cell --show-completion; exit").stdout

    words = {"COMP_WORDS": "cell st", "COMP_CWORD": "1", "_CELL_COMPLETE": "complete_bash"}
    assert project.cell(env=words).stdout.split() == ["status"]


def test_misuse_is_one_line_and_exit_code_two(project: Project) -> None:
    for command in (("up",), ("upp", "dev"), ("up", "dev", "--frobnicate"), ("list", "-o", "xml")):
        refused = project.cell(*command, code=CONFIGURATION)
        assert "cell --help" in refused.stderr
        assert "Traceback" not in refused.stderr


def test_without_an_engine_the_message_says_where_to_get_one(project: Project) -> None:
    refused = project.cell("list", code=CONFIGURATION, env={"PATH": os.defpath})
    assert 'eval "$(cell sandbox env)"' in refused.stderr


def test_outside_of_a_project_it_says_so(project: Project, tmp_path: Path) -> None:
    done = subprocess.run(
        [project.folder / "bin" / "cell", "list"],
        cwd=tmp_path,
        env=project.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (CONFIGURATION, "")
    assert "no Pulumi.yaml" in done.stderr


def actions(document: dict[str, Any]) -> list[str]:
    """Of all statements that allow."""
    return [action for s in document["Statement"] if s["Effect"] == "Allow" for action in s["Action"]]


def on_terminal(project: Project, *arguments: str, answer: str = "", **env: str) -> tuple[int, str]:
    """(exit code, what was on the screen) of `cell ARGUMENTS` on a terminal on which `answer` was typed ahead."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [project.folder / "bin" / "cell", *arguments],
        cwd=project.folder,
        env={**project.env, "TERM": "xterm-256color", **env},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    os.write(controller, answer.encode())
    shown = b""
    while chunk := _read(controller):
        shown += chunk
    os.close(controller)
    return process.wait(), shown.decode()


def _read(controller: int) -> bytes:
    """Empty where the other end has closed the terminal, which Linux reports as an error."""
    try:
        return os.read(controller, 4096)
    except OSError:
        return b""
