"""The workflows for GitHub: pinned actions, least rights, nothing for forks; what is applied was approved."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.vocabulary import OWN_IDENTITY
from operations.iam import DATA, Role
from operations.trust import SUBJECTS
from policies.exceptions import VARIABLE
from sandbox.aws.permissions import permissions

GITHUB = Path(__file__).resolve().parents[2] / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yaml"))
FILES = [*WORKFLOWS, *GITHUB.glob("actions/*/action.yaml")]


def load(path: Path) -> dict[str, Any]:
    # YAML 1.1 reads the key `on` as true.
    return {("on" if key is True else key): value for key, value in yaml.safe_load(path.read_text()).items()}


def jobs(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from load(path)["jobs"].items()


def used(path: Path) -> list[str]:
    return re.findall(r"uses: (\S+)", path.read_text())


def test_there_is_a_workflow_for_preview_apply_and_drift() -> None:
    assert [path.stem for path in WORKFLOWS] == ["apply", "drift", "preview"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_action_is_pinned_to_a_commit(path: Path) -> None:
    assert used(path)
    for action in used(path):
        assert action.startswith("./") or re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", action), action


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_job_has_the_rights_it_names_and_no_others(path: Path) -> None:
    assert load(path)["permissions"] == {}
    for name, job in jobs(path):
        assert job["permissions"] == {"contents": "read", "id-token": "write"}, name


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_credential_is_a_secret_of_the_repository(path: Path) -> None:
    assert "secrets." not in path.read_text()


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_text_of_a_pull_request_is_never_part_of_a_script(path: Path) -> None:
    assert "pull_request_target" not in load(path)["on"]
    for _name, job in jobs(path):
        for step in job["steps"]:
            assert "${{" not in step.get("run", "")


def test_a_fork_gets_no_role() -> None:
    for _name, job in jobs(GITHUB / "workflows/preview.yaml"):
        assert job["if"] == "github.event.pull_request.head.repo.full_name == github.repository"


def test_what_is_applied_is_the_plan_that_was_approved() -> None:
    found = dict(jobs(GITHUB / "workflows/apply.yaml"))
    (upload,) = (step for step in found["plan"]["steps"] if "upload-artifact" in step.get("uses", ""))
    (download,) = (step for step in found["apply"]["steps"] if "download-artifact" in step.get("uses", ""))
    assert download["with"]["name"] == upload["with"]["name"]
    assert found["apply"]["needs"] == "plan"
    assert found["apply"]["environment"] == "production"
    ups = [step["run"] for step in found["apply"]["steps"] if "pulumi up" in step.get("run", "")]
    assert len(ups) == 1
    assert "--plan plan.json" in ups[0]


def test_only_apply_assumes_the_deploy_role() -> None:
    for path in WORKFLOWS:
        for name, job in jobs(path):
            (set_up,) = (step for step in job["steps"] if step.get("uses") == "./.github/actions/set-up")
            wanted = "DEPLOY" if (path.stem, name) == ("apply", "apply") else "READ"
            assert set_up["with"]["role"] == f"${{{{ fromJSON(vars.{wanted}_ROLE_ARNS)[matrix.stack] }}}}"
            assert job["env"][OWN_IDENTITY] == "true", "else the program assumes the deploy role"


def test_the_trust_policies_name_the_events_and_the_environment_of_the_workflows() -> None:
    found = {path.stem: load(path) for path in WORKFLOWS}
    (branch,) = found["apply"]["on"]["push"]["branches"]
    environments = {job["environment"] for path in WORKFLOWS for _name, job in jobs(path) if "environment" in job}
    assert set(SUBJECTS[Role.DEPLOY]) == {f"environment:{name}" for name in environments}
    assert set(SUBJECTS[Role.READ_ONLY]) == {"pull_request", f"ref:refs/heads/{branch}"}
    assert "pull_request" in found["preview"]["on"]
    assert "schedule" in found["drift"]["on"], "which runs on the main branch"


def test_policy_packs_are_on_wherever_something_could_change() -> None:
    for path in WORKFLOWS:
        for _name, job in jobs(path):
            for step in job["steps"]:
                if re.search(r"pulumi (preview|up) ", step.get("run", "")):
                    assert "--policy-pack policies/gdpr --policy-pack policies/soc2" in step["run"]
                    assert f'export {VARIABLE}="$PWD/exceptions/$STACK.yaml"' in step["run"]


def test_catalogue_exceptions_and_approvers_have_owners() -> None:
    lines = [line.split() for line in (GITHUB / "CODEOWNERS").read_text().splitlines() if not line.startswith("#")]
    owned = {path: owners for path, *owners in lines}
    for path in ("/exceptions/approvers.yaml", "/exceptions/", "/policies/", "/.github/"):
        assert owned[path], path
        assert (GITHUB.parent / path.strip("/")).exists(), path
    assert list(owned).index("/exceptions/") < list(owned).index("/exceptions/approvers.yaml"), "the last match counts"


def test_the_drift_job_leaves_out_what_only_a_reader_of_secrets_could_refresh() -> None:
    text = (GITHUB / "workflows/drift.yaml").read_text()
    left_out = set(re.findall(r"--exclude 'urn:pulumi:\*\*(\S+)::\*\*'", text))
    assert left_out == {token for token, needed in permissions().items() if not DATA.isdisjoint(needed)}


def bash(script: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Runs a step as GitHub's `shell: bash` does."""
    path = f"{folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=GITHUB.parent,
        env={"PATH": path, **env},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("stack", "role", "said"),
    [
        ("dev-workloads", "arn", "STACKS: dev-workloads is a workloads stack"),
        ("no-such", "arn", "STACKS: no-such has no stacks/Pulumi.no-such.yaml"),
        ("dev", "", "READ_ROLE_ARNS or DEPLOY_ROLE_ARNS has no role for dev"),
        ("dev", "arn", None),
        ("account", "arn", None),
    ],
)
def test_a_stack_that_no_hosted_machine_can_deploy_is_refused_before_anything_else(
    tmp_path: Path, stack: str, role: str, said: str | None
) -> None:
    (first, *_) = load(GITHUB / "actions/set-up/action.yaml")["runs"]["steps"]
    done = bash(first["run"], tmp_path, STACK=stack, ROLE=role)
    assert done.returncode == (0 if said is None else 1), done.stderr
    assert (said or "") in done.stdout


STUB = """#!/bin/bash
echo "$@" >> "$CALLS"
case "$2" in
  start-build) echo dev-runner:1 ;;
  batch-get-builds)
    if [ "$(grep -c batch-get-builds "$CALLS")" -lt 3 ]; then echo IN_PROGRESS; else echo "$ENDS"; fi ;;
esac
"""


@pytest.fixture
def stubs(tmp_path: Path) -> Path:
    """A folder with an AWS CLI whose build ends at the third look, and a `sleep` that does not."""
    (tmp_path / "bin").mkdir()
    for name, text in (("aws", STUB), ("sleep", "#!/bin/bash\n")):
        file = tmp_path / "bin" / name
        file.write_text(text)
        file.chmod(0o755)
    return tmp_path


def start_workloads(stubs: Path, stack: str, ends: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Runs apply's last step and returns it with the AWS CLI's arguments."""
    step = dict(jobs(GITHUB / "workflows/apply.yaml"))["apply"]["steps"][-1]
    calls = stubs / "calls"
    calls.touch()
    done = bash(step["run"], stubs, STACK=stack, ENDS=ends, CALLS=str(calls))
    return done, calls.read_text().splitlines()


def test_workloads_are_brought_up_by_the_runner_of_the_cell(stubs: Path) -> None:
    done, (started, *looks) = start_workloads(stubs, "dev", "SUCCEEDED")
    assert done.returncode == 0, done.stderr
    assert started.startswith("codebuild start-build --project-name dev-runner ")
    assert "--region eu-west-1" in started
    assert len(looks) == 3


def test_a_build_that_failed_fails_the_job(stubs: Path) -> None:
    done, _calls = start_workloads(stubs, "dev", "FAILED")
    assert done.returncode == 1
    assert "dev-runner:1 ended with FAILED" in done.stdout


@pytest.mark.parametrize("stack", ["account", "eu-west-1"])
def test_where_there_is_no_runner_nothing_is_started(stubs: Path, stack: str) -> None:
    done, calls = start_workloads(stubs, stack, "SUCCEEDED")
    assert (done.returncode, calls) == (0, [])
    assert f"{stack} declares no runner" in done.stdout
