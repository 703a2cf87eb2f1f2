"""The workflows for GitHub: pinned actions, least rights, nothing for forks; what is applied was approved."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

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
    assert "--plan plan.json" in found["apply"]["steps"][-1]["run"]


def test_only_apply_assumes_the_deploy_role() -> None:
    for path in WORKFLOWS:
        for name, job in jobs(path):
            (set_up,) = (step for step in job["steps"] if step.get("uses") == "./.github/actions/set-up")
            deploys = set_up["with"]["role"] == "${{ vars.DEPLOY_ROLE_ARN }}"
            assert deploys == ((path.stem, name) == ("apply", "apply"))


def test_policy_packs_are_on_wherever_something_could_change() -> None:
    for path in WORKFLOWS:
        for _name, job in jobs(path):
            for step in job["steps"]:
                if re.search(r"pulumi (preview|up) ", step.get("run", "")):
                    assert "--policy-pack policies/gdpr --policy-pack policies/soc2" in step["run"]
