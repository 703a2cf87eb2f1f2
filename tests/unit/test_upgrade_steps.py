"""Which steps lead from what a cell runs to what is wanted, and in which order."""

import dataclasses
from pathlib import Path

import pytest
from config_files import cell, write

import catalogue
from components.vocabulary import Compute
from operations.errors import CellError, ExitCode
from operations.events import Reading
from operations.upgrade.apply import unexpected, write_versions
from operations.upgrade.running import Running, running
from operations.upgrade.steps import DRAINS, Kind, Step, Target, plan_upgrade
from stacks.problems import ConfigError
from stacks.settings import load_stack_file
from stacks.versions import CellVersions, VersionSettings, chosen_versions, installed

ADDONS = catalogue.versions().addons
NOW = Running(
    cell="one",
    kubernetes="1.34",
    nodes={"system": "1.34", "gateway": "1.34"},
    addons=ADDONS.of("1.34"),
    shards={"s00": "17.7", "s01": "17.7"},
    pinned="1.34",
)
AUTO = dataclasses.replace(NOW, compute=Compute.AUTO, nodes={}, addons=installed(ADDONS.of("1.34"), Compute.AUTO))
DECLARED = chosen_versions(VersionSettings(kubernetes="1.34", aurora="17.7"))


def plan(now: Running = NOW, declared: CellVersions = DECLARED, **target: str) -> tuple[Step, ...]:
    return plan_upgrade(now, declared, Target(**target))


def after(now: Running, step: Step) -> Running:
    """What runs once a step is done: the settings of the step, nothing else."""
    versions = chosen_versions(VersionSettings(**{k: v for k, v in step.settings.items() if v is not None}))
    match step.kind:
        case Kind.WORKLOADS:
            return dataclasses.replace(now, pinned=versions.kubernetes)
        case Kind.CONTROL_PLANE | Kind.ADD_ONS | Kind.NODES:
            nodes = dict.fromkeys(now.nodes, versions.nodes)
            return dataclasses.replace(now, kubernetes=versions.kubernetes, addons=dict(versions.addons), nodes=nodes)
        case _:
            shards = {shard: versions.shards.get(shard, versions.aurora) for shard in now.shards}
            flagged = frozenset({versions.upgrading} if versions.upgrading else ())
            return dataclasses.replace(now, shards=shards, flagged=flagged)


def declared_by(step: Step, before: CellVersions) -> CellVersions:
    """What the stack file declares in a step: its settings over those that were there."""
    kept = {"kubernetes": before.kubernetes, "addons": before.addons_of, "nodes": before.nodes, "aurora": before.aurora}
    merged = {**kept, "shards": dict(before.shards), "upgrading": before.upgrading, **step.settings}
    return chosen_versions(VersionSettings(**{k: v for k, v in merged.items() if v is not None}))


def test_a_cell_that_runs_what_is_wanted_has_no_step() -> None:
    assert plan() == ()
    assert plan(kubernetes="1.34", aurora="17.7") == ()


def test_kubernetes_goes_one_minor_at_a_time_add_ons_before_nodes_and_workloads_last() -> None:
    assert [step.name for step in plan(kubernetes="1.36")] == [
        "control plane to 1.35",
        "add-ons of 1.35",
        "nodes to 1.35",
        "control plane to 1.36",
        "add-ons of 1.36",
        "nodes to 1.36",
        "workloads to 1.36",
    ]


def test_each_step_changes_one_thing_only() -> None:
    now = NOW
    for step in plan(kubernetes="1.36", aurora="17.9"):
        then = after(now, step)
        changed = {f.name for f in dataclasses.fields(now) if getattr(now, f.name) != getattr(then, f.name)}
        changed -= {"flagged"}
        assert len(changed) <= 1, f"{step.name} changes {changed}"
        now = then
    assert (now.kubernetes, set(now.nodes.values()), now.addons) == ("1.36", {"1.36"}, ADDONS.of("1.36"))
    assert set(now.shards.values()) == {"17.9"}


def test_a_run_that_was_cut_anywhere_goes_on_where_it_was() -> None:
    wanted = {"kubernetes": "1.36", "aurora": "18.4"}
    steps, now, declared = plan(**wanted), NOW, DECLARED
    for number, step in enumerate(steps, 1):
        # Cut after the stack file was written, before anything was done: the same step comes again.
        declared = declared_by(step, declared)
        assert plan(now, declared, **wanted)[0] == step
        now = after(now, step)
        assert plan(now, declared, **wanted)[:1] == steps[number : number + 1]


def test_an_auto_mode_cell_that_runs_what_is_wanted_has_no_step() -> None:
    assert plan(AUTO) == ()


def test_in_auto_mode_the_control_plane_takes_the_nodes_with_it() -> None:
    first, second, workloads = plan(AUTO, kubernetes="1.36")
    assert [first.name, second.name, workloads.kind] == [
        "control plane to 1.35",
        "control plane to 1.36",
        Kind.WORKLOADS,
    ]
    assert first.kind in DRAINS, "budgets that let no pod go are looked for"
    assert first.touches == ("EKS cluster one", "all nodes")
    # Each has one version for all three, so nothing lags and no setting is left in the file.
    assert first.settings == {"kubernetes": "1.35", "addons": None, "nodes": None}


def test_an_add_on_of_auto_mode_is_brought_to_the_catalogues() -> None:
    old = dataclasses.replace(AUTO, addons={**AUTO.addons, "metrics-server": "v0.7.0-eksbuild.1"})
    (step,) = plan(old)
    assert step.touches == (f"metrics-server {ADDONS.of('1.34')['metrics-server']}",)
    assert step.settings == {"kubernetes": "1.34", "addons": None, "nodes": None}


def test_auto_mode_is_read_from_the_state() -> None:
    kind = "aws:eks/cluster:Cluster"
    urn = f"urn:pulumi:one::p::{kind}::one"
    row = {"type": kind, "urn": urn, "outputs": {"version": "1.36", "computeConfig": {"enabled": True}}}
    assert running("one", [row]).compute is Compute.AUTO


def test_nodes_that_lag_come_before_the_next_control_plane() -> None:
    late = dataclasses.replace(
        NOW, kubernetes="1.35", addons=ADDONS.of("1.35"), nodes={"system": "1.34", "gateway": "1.35"}
    )
    steps = plan(late, kubernetes="1.36")
    assert [step.name for step in steps[:2]] == ["nodes to 1.35", "control plane to 1.36"]
    assert steps[0].touches == ("node group system",)


def test_add_ons_of_another_version_are_brought_to_the_catalogues() -> None:
    odd = dataclasses.replace(NOW, addons={**NOW.addons, "coredns": "v1.0.0-eksbuild.1"})
    (step,) = plan(odd)
    assert step.kind is Kind.ADD_ONS
    assert step.touches == (f"coredns {ADDONS.of('1.34')['coredns']}",)


def test_shards_go_one_after_the_other_and_only_the_one_that_goes_may_cross_a_major_version() -> None:
    steps = plan(aurora="18.4")
    assert [step.kind for step in steps] == [Kind.SHARD_MAJOR, Kind.SHARD_MAJOR, Kind.TIDY]
    assert [dict(step.settings) for step in steps] == [
        {"aurora": "18.4", "shards": {"s01": "17.7"}, "upgrading": "s00"},
        {"aurora": "18.4", "shards": None, "upgrading": "s01"},
        {"aurora": "18.4", "shards": None, "upgrading": None},
    ]
    assert {step.kind for step in plan(aurora="17.10")} == {Kind.SHARD, Kind.TIDY}


def test_a_member_of_a_global_cluster_says_that_all_of_it_moves() -> None:
    member = dataclasses.replace(NOW, global_members=frozenset({"s00"}))
    first, second, _tidy = plan(member, aurora="18.4")
    assert "global cluster one-s00-global" in first.remark
    assert "default parameter group" in first.remark
    assert second.remark == ""


def test_every_step_says_what_it_touches_what_is_interrupted_and_where_that_is_said() -> None:
    for step in plan(kubernetes="1.36", aurora="18.4"):
        assert step.touches
        assert step.interruption
        assert step.source.startswith("https://") or step.kind is Kind.TIDY


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ({"kubernetes": "1.33"}, "not a version of catalogue/versions.yaml, which has 1.34, 1.35, 1.36"),
        ({"aurora": "17.8"}, "not a version of catalogue/versions.yaml"),
        ({"aurora": "17.5"}, "shard s00 runs 17.7, 17.5 is behind that"),
    ],
)
def test_a_version_that_cannot_be_reached_is_refused(target: dict[str, str], message: str) -> None:
    with pytest.raises(CellError, match=message) as refused:
        plan(**target)
    assert refused.value.code is ExitCode.CONFIGURATION


def test_kubernetes_does_not_go_back() -> None:
    newer = dataclasses.replace(NOW, kubernetes="1.36")
    with pytest.raises(CellError, match=r"control plane runs 1\.36, 1\.35 is behind that"):
        plan(newer, kubernetes="1.35")


def test_what_runs_is_read_from_the_state() -> None:
    def resource(kind: str, name: str, **outputs: object) -> dict[str, object]:
        return {"type": kind, "urn": f"urn:pulumi:one::p::{kind}::{name}", "outputs": outputs}

    found = running(
        "one",
        [
            resource("aws:eks/cluster:Cluster", "one", version="1.35"),
            resource("aws:eks/nodeGroup:NodeGroup", "one-system", version="1.34"),
            resource("aws:eks/addon:Addon", "one-coredns", addonName="coredns", addonVersion="v1.14.2-eksbuild.4"),
            resource("aws:rds/cluster:Cluster", "one-s00", engineVersion="17", engineVersionActual="17.9"),
            {**resource("aws:rds/cluster:Cluster", "one-s01", engineVersion="17.4"), "delete": True},
            resource("aws:rds/globalCluster:GlobalCluster", "one-s00"),
            resource("aws:rds/clusterInstance:ClusterInstance", "one-s00-a", caCertIdentifier="rds-ca-rsa2048-g1"),
        ],
        [
            resource("kubernetes:core/v1:Namespace", f"one-{n}", metadata={"labels": {PIN: f"v1.{n}"}})
            for n in (36, 35, 9)
        ],
    )
    assert found == Running(
        cell="one",
        kubernetes="1.35",
        nodes={"system": "1.34"},
        addons={"coredns": "v1.14.2-eksbuild.4"},
        shards={"s00": "17.9"},
        global_members=frozenset({"s00"}),
        ca="rds-ca-rsa2048-g1",
        pinned="1.9",
    )


PIN = "pod-security.kubernetes.io/enforce-version"


def test_a_cell_that_is_not_up_has_nothing_to_upgrade() -> None:
    with pytest.raises(CellError, match="one is not up"):
        running("one", [])


def reading(*diffs: tuple[str, str]) -> Reading:
    return Reading(diffs=[{"op": op, "urn": f"urn:pulumi:one::p::a:b:C${kind}::x", "keys": []} for kind, op in diffs])


def test_a_preview_may_change_what_the_step_names_and_nothing_else() -> None:
    step = next(step for step in plan(kubernetes="1.35") if step.kind is Kind.CONTROL_PLANE)
    cluster, bucket = "aws:eks/cluster:Cluster", "aws:s3/bucket:Bucket"
    assert unexpected(step, reading((cluster, "update"), ("pulumi:pulumi:StackReference", "read"))) == []
    assert unexpected(step, reading((cluster, "replace"))) == ["aws:eks/cluster:Cluster x (replace)"]
    assert unexpected(step, reading((cluster, "update"), (bucket, "update"))) == ["aws:s3/bucket:Bucket x (update)"]


def test_only_a_new_major_version_makes_and_removes_parameter_groups() -> None:
    group = "aws:rds/clusterParameterGroup:ClusterParameterGroup"
    minor, major = plan(aurora="17.9")[0], plan(aurora="18.4")[0]
    assert unexpected(major, reading((group, "create"))) == []
    assert unexpected(minor, reading((group, "create"))) != []


def test_versions_are_written_into_the_file_without_touching_the_rest(tmp_path: Path) -> None:
    path = write(tmp_path, "one", "# why\n" + cell(zones="2 # two are enough"))
    before = path.read_text()
    write_versions(path, {"kubernetes": "1.36", "addons": "1.35", "shards": {"s00": "17.10"}})
    text = path.read_text()
    assert text.startswith(before.rstrip("\n"))
    settings = load_stack_file(path).settings
    assert settings.versions == VersionSettings(kubernetes="1.36", addons="1.35", shards={"s00": "17.10"})  # type: ignore[union-attr]
    write_versions(path, {"kubernetes": None, "addons": None, "shards": None})
    assert path.read_text() == before


def test_versions_that_do_not_fit_are_not_left_in_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "one", cell())
    before = path.read_text()
    with pytest.raises(ConfigError):
        write_versions(path, {"kubernetes": "1.35", "nodes": "1.36"})
    assert path.read_text() == before
