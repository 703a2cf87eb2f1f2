"""The database proxy's parts that need no server: messages, what pins, SCRAM, and the configuration of a server."""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.dataplane.database_proxy import pinning, wire
from sandbox.dataplane.database_proxy.scram import Scram, ScramError
from sandbox.dataplane.databases.parameters import settings
from sandbox.dataplane.databases.server import access

KNOWN = frozenset({"log_statement", "shared_buffers", "shared_preload_libraries", "ssl_min_protocol_version"})


@given(st.lists(st.tuples(st.sampled_from("QPBDESXd"), st.binary(max_size=40))), st.integers(1, 9))
def test_messages_are_whole_however_the_stream_is_cut(sent: list[tuple[str, bytes]], step: int) -> None:
    stream = b"".join(wire.message(kind, body) for kind, body in sent)
    frames = wire.Frames()
    seen = [found for at in range(0, len(stream), step) for found in frames.feed(stream[at : at + step])]
    assert seen == [(ord(kind), wire.message(kind, body)) for kind, body in sent]


@pytest.mark.parametrize("length", [0, 3, 0x7FFFFFFF])
def test_a_length_that_cannot_be_is_refused(length: int) -> None:
    with pytest.raises(wire.ProtocolError):
        list(wire.Frames().feed(b"Q" + struct.pack("!I", length)))


def test_a_startup_message_is_read_as_it_is_written() -> None:
    parameters = {"user": "payments", "database": "payments", "application_name": ""}
    assert wire.startup_parameters(wire.startup(parameters)[8:]) == parameters
    with pytest.raises(wire.ProtocolError):
        wire.startup_parameters(b"user\0payments\0")


def test_an_error_is_read_as_it_is_written() -> None:
    fields = {"S": "FATAL", "V": "FATAL", "C": "28000", "M": "who are you"}
    assert wire.error_fields(wire.error("28000", "who are you")) == fields


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SET search_path = x", "a SET statement"),
        ("select 1; /* why */ set work_mem = '1MB'", "a SET statement"),
        ("SET LOCAL statement_timeout = 100", "a SET statement"),
        (r"SELECT 'a\'; SET x = 1; SELECT 'b'", "a SET statement"),
        (r"SELECT E'a\'b'; RESET ALL", "a RESET statement"),
        ("PREPARE p AS SELECT 1", "a PREPARE statement"),
        ("DEALLOCATE ALL", "a DEALLOCATE statement"),
        ("DISCARD ALL", "a DISCARD statement"),
        ("DECLARE c CURSOR FOR SELECT 1", "a cursor"),
        ("LISTEN payments", "a LISTEN statement"),
        ("LOAD 'auto_explain'", "a library"),
        ("CREATE TEMP TABLE t (x int)", "a temporary object"),
        ("CREATE OR REPLACE TEMPORARY VIEW v AS SELECT 1", "a temporary object"),
        ("SELECT nextval('s')", "a sequence function"),
        ("SELECT set_config('x.y', '1', false)", "set_config"),
        ("SELECT pg_advisory_lock(1)", "a session advisory lock"),
        ("SELECT pg_try_advisory_lock_shared(1)", "a session advisory lock"),
        ("SELECT 1 --" + "x" * 16_384, "a statement of more than 16 KB"),
    ],
)
def test_what_leaves_something_in_the_session_pins(sql: str, reason: str) -> None:
    assert pinning.reason(sql) == reason


@pytest.mark.parametrize(
    "sql",
    [
        "BEGIN",
        "BEGIN ISOLATION LEVEL REPEATABLE READ",
        "SET TRANSACTION READ ONLY",
        "UPDATE payments SET status = 'set' WHERE id = $1",
        "SELECT 'SET x = 1; LISTEN y', \"set\" FROM t -- set z",
        "SELECT $body$ ; SET x = 1 $body$",
        "INSERT INTO t (text) VALUES ('it''s; RESET ALL')",
        "SELECT pg_advisory_xact_lock(1), pg_try_advisory_xact_lock(2)",
        "SELECT pg_snapshot_xmin(pg_current_snapshot())",
        "INSERT INTO outbox DEFAULT VALUES RETURNING position",
        "",
    ],
)
def test_what_ends_with_the_transaction_does_not_pin(sql: str) -> None:
    assert pinning.reason(sql) == ""


def test_scram_is_the_exchange_of_rfc_7677() -> None:
    scram = Scram("pencil", nonce="rOprNGfwEbeRWgbNEkqO")
    answer = scram.final("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
    assert answer.startswith("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=")
    with pytest.raises(ScramError, match="does not know the password"):
        scram.check("v=" + "A" * 43 + "=")
    with pytest.raises(ScramError, match="nonce"):
        Scram("pencil", nonce="mine").final("r=theirs,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")


def test_a_parameter_group_is_applied_as_far_as_postgresql_knows_it(tmp_path: Path) -> None:
    (tmp_path / "pg_stat_statements.so").touch()
    group = {
        "rds.force_ssl": "1",
        "rds.logical_replication": "1",
        "shared_preload_libraries": "pg_stat_statements,pgaudit",
        "pgaudit.log": "ddl",
        "log_statement": "none",
        "shared_buffers": "{DBInstanceClassMemory/12038}",
        "ssl_min_protocol_version": "TLSv1.2",
    }
    found = settings(group, KNOWN, tmp_path)
    assert found.applied["wal_level"] == "logical"
    assert found.applied["shared_preload_libraries"] == "pg_stat_statements"
    assert (found.applied["log_statement"], found.applied["ssl_min_protocol_version"]) == ("none", "TLSv1.2")
    assert found.applied["shared_buffers"] == "16MB"
    assert list(found.not_applied) == [
        "pgaudit.log=ddl",
        "shared_buffers={DBInstanceClassMemory/12038}",
        "shared_preload_libraries=pgaudit",
    ]


def test_nobody_comes_in_over_the_network_without_tls() -> None:
    kinds = {row.split()[0] for row in access("cell_master").splitlines()}
    assert kinds == {"local", "hostssl"}
