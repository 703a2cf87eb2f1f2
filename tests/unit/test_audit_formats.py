"""`--report FORMAT=FILE`."""

import errno
import json
import os
import re
from pathlib import Path

import pytest
from audit_outputs import problems
from audit_samples import HOSTILE, audit, recovery

from operations.audit.report import formats
from operations.audit.report.formats import FORMATS, NAMES, parse, write
from operations.audit.report.json_ import load
from operations.errors import CellError, ExitCode


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_written_whole_for_its_owner_only_and_says_that_it_is_emulated(
    tmp_path: Path, name: str
) -> None:
    path = write(audit(), f"{name}={tmp_path / 'report'}")
    assert path.read_bytes() == FORMATS[name](audit())
    assert path.stat().st_mode & 0o777 == 0o600
    assert re.search(rb"emulated", path.read_bytes(), re.IGNORECASE)
    assert [file.name for file in tmp_path.iterdir()] == ["report"]


@pytest.mark.parametrize("name", NAMES)
def test_every_format_of_hostile_names_is_good_by_its_own_rules(tmp_path: Path, name: str) -> None:
    moved = tuple(recovery(id=one, origin=one, found=one, by=one, outcome=one, note=one) for one in HOSTILE)
    hostile = audit(unaccounted=HOSTILE, recoveries=(recovery(), *moved))
    assert problems(name, write(hostile, f"{name}={tmp_path / 'report'}")) == []


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("csv", "\"'=HYPERLINK", '"=HYPERLINK'),
        ("html", "<h1>", "<h1><script>"),
        ("json", '"status": "fail"', '"status": "fine"'),
        ("junit", 'classname="', 'class="'),
        ("sarif", '"kind": "fail"', '"kind": "fine"'),
    ],
)
def test_a_report_that_breaks_the_rules_of_its_format_is_seen(
    tmp_path: Path, name: str, before: str, after: str
) -> None:
    path = write(audit(), f"{name}={tmp_path / 'report'}")
    written = path.read_bytes().decode()
    assert before in written
    path.write_bytes(written.replace(before, after, 1).encode())
    assert problems(name, path)


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_the_same_bytes_for_the_same_audit(name: str) -> None:
    assert FORMATS[name](audit()) == FORMATS[name](audit())


def test_a_report_replaces_the_one_before_and_takes_its_readers_away(tmp_path: Path) -> None:
    path = tmp_path / "audit.json"
    path.write_text("old")
    path.chmod(0o644)
    write(audit(), f"json={path}")
    assert load(path) == audit()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_report_that_cannot_be_written_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "audit.json"
    path.write_text("old")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(formats.os, "fsync", full)
    with pytest.raises(CellError, match=rf"--report json={path}: No space left on device; nothing was written") as no:
        write(audit(), f"json={path}")
    assert no.value.code is ExitCode.ERROR
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["audit.json"]


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ("json", "give FORMAT=FILE with one of csv, json, junit, sarif, html, oscal"),
        ("json=", "give FORMAT=FILE with one of"),
        ("=file", "is no format"),
        ("pdf=file", "pdf is no format; give one of csv, json, junit, sarif, html, oscal"),
        ("json=no/such/folder/file", "make it first"),
        ("json=/", "is no file"),
        ("json=/dev/null", "/dev/null is no file"),
        ("\x1b[2J=file", "is no format"),
    ],
)
def test_what_cannot_be_written_is_refused_before_the_audit_with_the_option_and_what_to_give(
    spec: str, problem: str
) -> None:
    with pytest.raises(CellError) as refused:
        parse(spec)
    assert refused.value.code is ExitCode.CONFIGURATION
    assert str(refused.value).startswith("--report ")
    assert problem in str(refused.value)
    assert str(refused.value).isprintable()


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "latest.json").symlink_to(tmp_path / "audit.json")
    assert write(audit(), f"json={tmp_path / 'latest.json'}") == (tmp_path / "audit.json").resolve()
    assert (tmp_path / "latest.json").is_symlink()
    assert json.loads((tmp_path / "audit.json").read_text())["id"] == audit().id


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    for name in ("pipe", "link"):
        with pytest.raises(CellError, match="is no file"):
            parse(f"json={tmp_path / name}")


def test_links_in_a_circle_are_replaced_and_not_followed_for_ever(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert load(write(audit(), f"json={tmp_path / 'a'}")) == audit()


def test_a_file_name_may_have_an_equals_sign(tmp_path: Path) -> None:
    assert parse(f"json={tmp_path / 'a=b'}")[1].name == "a=b"
