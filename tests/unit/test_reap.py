"""Which cells `cell reap` takes, in which order, and what it leaves."""

from collections.abc import Sequence
from datetime import date
from types import SimpleNamespace
from typing import Any, cast

import pytest
from test_clone import TODAY, cloned, fleet, project

from components.vocabulary import Strategy
from operations import deploy
from operations.clone import Wish, clone_texts
from operations.errors import CellError, ExitCode
from operations.project import Project
from operations.reap import Found, State, abandoned_regions, plan_reap, reap_all
from stacks.fleet import Fleet
from stacks.new_stack import render_replica

__all__ = ["project"]


class Destroyed:
    """Stands for the engine: notes what would be destroyed, fails for the named stacks."""

    def __init__(self, fails: dict[str, ExitCode]) -> None:
        self.fails = fails
        self.asked: list[tuple[str, bool]] = []

    def __call__(self, _session: Any, target: str, consent: deploy.Consent, *, with_account: bool) -> list[Any]:
        self.asked.append((target, with_account))
        if target in self.fails:
            raise CellError(f"destroy {target} failed", self.fails[target])
        assert consent("destroy?")
        return [SimpleNamespace(stack=target)]


@pytest.fixture
def clones(project: Project) -> Fleet:
    """Clones of dev that end on 2, 4 and 9 December."""
    found = fleet(project)
    for days in (3, 5, 10):
        for stack, text in clone_texts(found, Wish(original="dev", name=f"dev-{days}", days=days), TODAY).items():
            project.stack_file(stack).write_text(text)
    return fleet(project)


def run(
    project: Project, found: Sequence[Found], monkeypatch: pytest.MonkeyPatch, **fails: ExitCode
) -> tuple[dict[str, list[str]], list[str], list[tuple[str, bool]]]:
    engine = Destroyed({name.replace("_", "-"): code for name, code in fails.items()})
    monkeypatch.setattr(deploy, "destroy", engine)
    session = cast(deploy.Session, SimpleNamespace(project=project))
    done, failed = reap_all(session, [(each, lambda _question: True) for each in found])
    return done, failed, engine.asked


def expired(clones: Fleet, today: date) -> list[Found]:
    return [each for each in plan_reap(clones, today) if each.state is State.EXPIRED]


@pytest.mark.parametrize(
    ("day", "states"),
    [
        (date(2026, 11, 29), ["stays", "stays", "stays"]),
        (date(2026, 11, 30), ["expires soon", "stays", "stays"]),
        (date(2026, 12, 2), ["expires soon", "expires soon", "stays"]),
        (date(2026, 12, 3), ["expired", "expires soon", "stays"]),
        (date(2026, 12, 10), ["expired", "expired", "expired"]),
    ],
)
def test_a_cell_stays_through_its_last_day_and_is_announced_two_days_before(
    clones: Fleet, day: date, states: list[str]
) -> None:
    found = plan_reap(clones, day)
    assert [(each.stack, each.state.value) for each in found] == list(
        zip(["dev-3", "dev-5", "dev-10"], states, strict=True)
    ), "a stack without a last day is not among them"


def test_an_expired_clone_goes_with_its_files_and_no_other(
    project: Project, clones: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path.name for path in project.stacks_folder.glob("Pulumi.*")}

    done, failed, asked = run(project, expired(clones, date(2026, 12, 3)), monkeypatch)

    assert asked == [("dev-3", False)], "the account stays, it has no last day"
    assert failed == []
    assert done["dev-3"] == [
        "destroyed dev-3",
        "removed stacks/Pulumi.dev-3-workloads.yaml",
        "removed stacks/Pulumi.dev-3.yaml",
    ]
    gone = {"Pulumi.dev-3.yaml", "Pulumi.dev-3-workloads.yaml"}
    assert {path.name for path in project.stacks_folder.glob("Pulumi.*")} == before - gone


@pytest.mark.usefixtures("clones")
def test_files_that_a_person_wrote_stay(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    path = project.stack_file("dev-3")
    path.write_text("".join(line for line in path.read_text().splitlines(True) if "cloneOf" not in line))

    done, _, _ = run(project, expired(fleet(project), date(2026, 12, 3)), monkeypatch)

    assert done == {"dev-3": ["destroyed dev-3"]}
    assert path.exists()


def test_one_that_cannot_be_destroyed_keeps_its_files_and_no_other_from_it(
    project: Project, clones: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = expired(clones, date(2026, 12, 10))

    done, failed, _ = run(project, found, monkeypatch, dev_3=ExitCode.RESOURCE)

    assert failed == ["destroy dev-3 failed"]
    assert set(done) == {"dev-5", "dev-10"}
    assert project.stack_file("dev-3").exists()


def test_a_no_ends_it(project: Project, clones: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CellError, match="dev-3"):
        run(project, expired(clones, date(2026, 12, 10)), monkeypatch, dev_3=ExitCode.CANCELLED)
    assert project.stack_file("dev-5").exists()


@pytest.mark.usefixtures("clones")
def test_what_still_needs_the_cell_is_named(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    market = project.stacks_folder / "markets" / "eu-sepa.yaml"
    market.write_text(market.read_text().replace("eu-central-1, dev]", "eu-central-1, dev, dev-3]"))
    text = render_replica("dev-5", "dev-5-r", "eu-central-1", Strategy.PILOT_LIGHT, domain="r.cell.example.com")
    project.stack_file("dev-5-r").write_text(text)

    _, failed, asked = run(project, expired(fleet(project), date(2026, 12, 8)), monkeypatch)

    assert failed == [
        "dev-3: stacks/markets names it (eu-sepa): remove it there first",
        "dev-5: dev-5-r stands by for it: destroy it and remove its file first",
    ]
    assert asked == []


def test_a_region_that_only_the_clone_used_is_told(project: Project) -> None:
    before = cloned(project, "dev", "dev-far", region="eu-central-1")
    for stack in ("dev-far", "dev-far-workloads"):
        project.stack_file(stack).unlink()

    assert abandoned_regions(before, fleet(project)) == {"account-dev": ["eu-central-1"]}
