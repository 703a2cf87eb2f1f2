"""What the data plane decides without a process: rollouts, addresses, translations, mounts, probes."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.dataplane import images, mounts
from sandbox.dataplane.addresses import Claim, Pool, listen_port
from sandbox.dataplane.probes import Watcher
from sandbox.dataplane.rollout import Bounds, Revision, plan
from sandbox.dataplane.translate import Translator, outside_hosts

revisions = st.builds(
    lambda pods, ready: Revision(name="old", pods=pods, ready=min(pods, ready)), st.integers(0, 9), st.integers(0, 9)
)


@given(st.integers(0, 6), revisions, revisions, st.integers(0, 3), st.integers(0, 3))
def test_a_rollout_stays_within_its_bounds(
    desired: int, new: Revision, old: Revision, surge: int, unavailable: int
) -> None:
    new = Revision(name="new", pods=new.pods, ready=new.ready)
    bounds = Bounds(surge=surge, unavailable=unavailable)
    wanted = plan(desired, new, [old], bounds)
    total = new.pods + old.pods
    assert wanted["new"] <= desired
    assert sum(wanted.values()) <= max(total, desired + surge)
    # Of the old revision those that serve nobody go first: what is left of the ready ones is at least this.
    left = min(old.ready, wanted["old"]) + min(new.ready, wanted["new"])
    assert left >= min(new.ready + old.ready, desired - unavailable, desired)


@given(st.integers(1, 6), st.integers(0, 6), st.integers(0, 2), st.integers(0, 2))
def test_a_rollout_whose_pods_become_ready_ends(desired: int, before: int, surge: int, unavailable: int) -> None:
    bounds = Bounds(surge=surge, unavailable=unavailable if surge or unavailable else 1)
    new, old = Revision(name="new", pods=0, ready=0), Revision(name="old", pods=before, ready=before)
    for _ in range(50):
        wanted = plan(desired, new, [old], bounds)
        new = Revision(name="new", pods=wanted["new"], ready=wanted["new"])
        old = Revision(name="old", pods=wanted["old"], ready=wanted["old"])
    assert (new.pods, old.pods) == (desired, 0)


def test_a_pod_that_never_becomes_ready_holds_the_rollout_up() -> None:
    bounds = Bounds.of({"spec": {"strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}}}}, 2)
    new, old = Revision(name="new", pods=1, ready=0), Revision(name="old", pods=2, ready=2)
    assert plan(2, new, [old], bounds) == {"new": 1, "old": 2}


@pytest.mark.parametrize(
    ("strategy", "bounds"),
    [
        ({}, Bounds(surge=1, unavailable=0)),
        ({"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "10%"}}, Bounds(surge=0, unavailable=1)),
        ({"type": "Recreate"}, Bounds(surge=0, unavailable=3)),
    ],
)
def test_percentages_round_so_that_a_rollout_can_move(strategy: dict[str, Any], bounds: Bounds) -> None:
    assert Bounds.of({"spec": {"strategy": strategy}}, 3) == bounds


@given(st.lists(st.text(), unique=True, max_size=40))
def test_addresses_differ_repeat_and_are_given_back(keys: list[str]) -> None:
    pool, again = Pool(100, 0, 0), Pool(100, 0, 0)
    taken = [pool.take(key) for key in keys]
    assert len(set(taken)) == len(keys)
    assert [again.take(key) for key in keys] == taken
    assert all(1 <= int(address.rpartition(".")[2]) <= 254 for address in taken)
    for key in keys:
        pool.release(key)
    assert [pool.take(key) for key in keys] == taken


def test_a_pool_that_is_empty_says_so() -> None:
    pool = Pool(100, 0, 0)
    for number in range(254):
        pool.take(str(number))
    with pytest.raises(OSError, match="all 254 loopback addresses"):
        pool.take("one more")


def test_two_sandboxes_never_share_a_block() -> None:
    one = Claim(7)
    other = Claim(7)
    try:
        assert one.octet != other.octet
    finally:
        one.close()
        other.close()


SERVERS = {"bank.example": "127.100.70.1", "payments.payments.svc.cluster.local": "127.100.70.2"}
TRANSLATOR = Translator(
    pod_ip="127.100.0.1",
    paths={"/etc/envoy": "/pods/1/config", "/tmp": "/pods/1/tmp"},
    reach=SERVERS.get,
    emulator=("http://127.0.0.1:4566", "http://127.100.70.3:4566"),
)


@pytest.mark.parametrize(
    ("text", "translated"),
    [
        ("--config=/etc/envoy/bootstrap.json", "--config=/pods/1/config/bootstrap.json"),
        ("file:///tmp", "file:///pods/1/tmp"),
        ("/var/tmp/x /tmpfs /etc/envoy2", "/var/tmp/x /tmpfs /etc/envoy2"),
        ("http://payments.payments.svc.cluster.local:8080/v1", "http://127.100.70.2:8080/v1"),
        ("https://bank.example/pay", f"https://127.100.70.1:{listen_port(443)}/pay"),
        ("bank.example:443", f"127.100.70.1:{listen_port(443)}"),
        ("x.bank.example:8443", "x.bank.example:8443"),
        ("http://127.0.0.1:4566/123/queue", "http://127.100.70.3:4566/123/queue"),
    ],
)
def test_arguments_name_what_is_on_this_machine(text: str, translated: str) -> None:
    assert TRANSLATOR.text(text) == translated


def test_json_files_keep_the_names_that_tls_checks() -> None:
    config = {
        "address": {"socket_address": {"address": "bank.example", "port_value": 443}},
        "sni": "bank.example",
        "listener": {"address": "0.0.0.0", "port_value": 8443},
        "path": "/etc/envoy/cds.json",
    }
    assert json.loads(TRANSLATOR.file(json.dumps(config).encode())) == {
        "address": {"socket_address": {"address": "127.100.70.1", "port_value": listen_port(443)}},
        "sni": "bank.example",
        "listener": {"address": "127.100.0.1", "port_value": 8443},
        "path": "/pods/1/config/cds.json",
    }


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner)))
def test_files_without_anything_to_translate_stay_byte_by_byte(value: Any) -> None:
    content = json.dumps(value, indent=3).encode()
    assert TRANSLATOR.file(content) == content


def test_outside_hosts_are_those_that_are_called_and_no_service() -> None:
    config = [
        {"address": "bank.example", "port_value": 443},
        {"address": "payments.payments.svc.cluster.local", "port_value": 8080},
        {"address": "10.0.0.1", "port_value": 1},
        {"address": "sts.eu-west-1.amazonaws.com", "port_value": 443},
        {"sni": "other.example"},
    ]
    assert outside_hosts(json.dumps(config)) == {"bank.example": 443}
    assert outside_hosts("no JSON") == {}


def test_volumes_change_in_one_step_and_only_when_they_differ(tmp_path: Path) -> None:
    folder = tmp_path / "config"
    assert mounts.write(folder, {"a": b"1", "b": b"1"})
    first = (folder / "..data").readlink()
    assert not mounts.write(folder, {"a": b"1", "b": b"1"})
    assert mounts.write(folder, {"b": b"2", "c": b"2"})
    assert (folder / "..data").readlink() != first
    assert {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith("..")} == {
        "b": b"2",
        "c": b"2",
    }
    assert not (folder / first).exists()


@pytest.mark.parametrize(
    ("volume", "message"),
    [
        ({"name": "x", "configMap": {"name": "gone"}}, 'configmap "gone" not found'),
        ({"name": "x", "secret": {"secretName": "there", "items": [{"key": "z", "path": "z"}]}}, "config key: z"),
        ({"name": "x", "hostPath": {"path": "/"}}, "ConfigMaps, Secrets and emptyDirs only"),
    ],
)
def test_a_volume_that_cannot_be_had_is_named(volume: dict[str, Any], message: str) -> None:
    there = {("Secret", "there"): {"data": {"a": "MQ=="}}}
    with pytest.raises(mounts.NotThere, match=message):
        mounts.contents(volume, lambda kind, name: there.get((kind, name)))


def test_secrets_are_decoded_and_items_chosen() -> None:
    volume = {"name": "x", "secret": {"secretName": "there", "items": [{"key": "a", "path": "b"}]}}
    assert mounts.contents(volume, lambda _, __: {"data": {"a": "MQ==", "c": "Mg=="}}) == {"b": b"1"}


def test_a_probe_counts_answers_in_a_row() -> None:
    watcher = Watcher.of({"failureThreshold": 2, "periodSeconds": 5}, now=0.0)
    assert not watcher.passed
    watcher.heard("", now=1.0)
    assert (watcher.passed, watcher.due) == (True, 6.0)
    watcher.heard("refused", now=6.0)
    assert watcher.passed
    watcher.heard("refused", now=11.0)
    assert (watcher.passed, watcher.failed, watcher.reason) == (False, True, "refused")
    watcher.heard("", now=16.0)
    assert (watcher.passed, watcher.failed, watcher.reason) == (True, False, "")


def test_only_images_of_a_cells_registry_run() -> None:
    cell = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/eu-west-1"
    assert images.program(f"{cell}/payments@sha256:abc") == "payments"
    command = images.command(f"{cell}/payments@sha256:abc")
    assert command is not None
    assert command(["serve"])[-3:] == ["-m", "workloads.payments", "serve"]
    assert images.command(f"{cell}/cluster-autoscaler@sha256:abc") is None
    assert images.command("docker.io/stranger/gateway:1") is None
