"""Lines of the sandbox's pods on their way to CloudWatch: read whole, bounded, in Fluent Bit's shape."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components import program_logs
from sandbox.dataplane import log_lines
from sandbox.dataplane.log_lines import BATCH_LINES, Source, Tail, shaped
from sandbox.dataplane.log_shipper import SERVICE_ACCOUNT, Target, read_configuration
from sandbox.dataplane.outside import OBSERVABILITY, OBSERVABILITY_NAMESPACE

SOURCE = Source(
    namespace="payments", pod="payments-7d-x", uid="u-1", container="payments", image="payments:1", node="sandbox"
)


def tail(tmp_path: Path, text: str) -> Tail:
    file = tmp_path / "pod.log"
    file.write_text(text)
    return Tail(source=SOURCE, file=file)


def read(one: Tail) -> list[str]:
    """Everything there is, as if it were sent."""
    found: list[str] = []
    while True:
        lines, offset = one.read()
        if not lines and offset == one.offset:
            return found
        found += lines
        one.offset = offset


def test_a_line_is_read_when_it_is_whole(tmp_path: Path) -> None:
    one = tail(tmp_path, "a\nb\nhal")
    assert read(one) == ["a", "b"]
    with one.file.open("a") as file:
        file.write("f\n")
    assert read(one) == ["half"]


def test_a_batch_that_was_not_sent_is_read_again(tmp_path: Path) -> None:
    one = tail(tmp_path, "a\nb\n")
    assert one.read() == one.read() == (["a", "b"], 4)


def test_a_batch_has_as_many_lines_as_a_call_takes(tmp_path: Path) -> None:
    one = tail(tmp_path, "x\n" * (BATCH_LINES + 5))
    lines, offset = one.read()
    assert (len(lines), offset) == (BATCH_LINES, 2 * BATCH_LINES)
    assert len(read(one)) == BATCH_LINES + 5


def test_lines_that_are_too_far_behind_are_dropped_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_lines, "MAX_BEHIND_BYTES", 100)
    one = tail(tmp_path, "".join(f"line {number:03}\n" for number in range(100)))
    left = read(one)
    assert left[-1] == "line 099"
    assert len(left) + one.dropped == 100
    assert 10 <= len(left) <= 12


def test_a_line_longer_than_a_read_is_dropped_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_lines, "READ_BYTES", 64)
    one = tail(tmp_path, "a\n" + "x" * 500 + "\nb\n")
    assert [*read(one), *read(one)] == ["a", "b"]
    assert one.dropped == 1


def test_a_pod_without_a_line_has_none(tmp_path: Path) -> None:
    assert Tail(source=SOURCE, file=tmp_path / "none.log").read() == ([], 0)


def test_json_is_merged_and_other_text_is_kept() -> None:
    made = shaped(['{"status": 503}', "plain", "[1]"], SOURCE, 1_790_000_000.5)
    first, second, third = (json.loads(event["message"]) for event in made)
    assert made[0]["timestamp"] == 1_790_000_000_500
    assert (first["log_processed"], "log" in first) == ({"status": 503}, False)
    assert (second["log"], third["log"]) == ("plain", "[1]")
    assert first["kubernetes"]["namespace_name"] == "payments"
    assert first["kubernetes"]["container_name"] == "payments"


def test_a_full_batch_fits_in_a_call() -> None:
    """1 MiB, each event with 26 bytes more (CloudWatch Logs API reference, PutLogEvents)."""
    line = json.dumps({"text": "x" * (log_lines.READ_BYTES // BATCH_LINES)})
    made = shaped([line] * BATCH_LINES, SOURCE, 0)
    assert sum(len(event["message"].encode()) + 26 for event in made) < 1_048_576


def target(configuration: Any) -> Target:
    found = read_configuration(json.dumps(configuration))
    assert found is not None
    return Target(group=found[0], reads=found[1], logs=SimpleNamespace())


def test_the_declared_configuration_is_what_the_sandbox_ships_by(tmp_path: Path) -> None:
    declared = target(program_logs.settings("eu-west-1"))
    assert declared.group == program_logs.group_name("eu-west-1")
    assert declared.wants(tail(tmp_path, ""))
    other = Source(namespace="controllers", pod="x", uid="u", container="x", image="x", node="sandbox")
    assert not declared.wants(Tail(source=other, file=tmp_path / "x"))
    assert (OBSERVABILITY, OBSERVABILITY_NAMESPACE, SERVICE_ACCOUNT) == (
        program_logs.ADD_ON,
        program_logs.NAMESPACE,
        program_logs.SERVICE_ACCOUNT,
    )


@pytest.mark.parametrize("text", ["", "{}", '{"containerLogs": {"enabled": false}}'])
def test_an_add_on_that_names_no_group_ships_nothing(text: str) -> None:
    assert read_configuration(text) is None
