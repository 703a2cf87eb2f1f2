"""By which names the emulator answers."""

import pytest

from sandbox.aws.server import _is_local


@pytest.mark.parametrize("host", ["127.0.0.1:5000", "127.3.4.5:5000", "localhost", "b.localhost:5000", "[::1]:5000"])
def test_loopback_is_answered(host: str) -> None:
    assert _is_local(host)


@pytest.mark.parametrize("host", ["example.com:5000", "127.0.0.1.example.com", "128.0.0.1:5000", "10.0.0.1", ""])
def test_no_other_name_is(host: str) -> None:
    assert not _is_local(host)
