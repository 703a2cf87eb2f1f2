"""Whether a client waits as long as its payment may take."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.deadlines import DeadlineError, Deadlines


def test_the_defaults_fit() -> None:
    Deadlines().check()


@given(timeout=st.floats(0.1, 10), tries=st.integers(1, 4), client=st.floats(0.5, 60))
def test_a_client_waits_for_every_try_at_the_bank_or_is_refused(timeout: float, tries: int, client: float) -> None:
    deadlines = Deadlines(client_timeout_s=client, bank_timeout_s=timeout, bank_tries=tries)
    least = tries * timeout + (tries - 1) * 0.25 + 0.05 + 4 * 0.1
    if client >= least + 1e-9:
        deadlines.check()
    elif client < least - 1e-9:
        with pytest.raises(DeadlineError, match="raise it"):
            deadlines.check()


def test_the_error_shows_each_part_and_the_sum() -> None:
    with pytest.raises(DeadlineError) as error:
        Deadlines(client_timeout_s=3, bank_timeout_s=2.5, bank_tries=2).check()
    assert "bank 2 x 2.5 s" in str(error.value)
    assert "= 5.7 s" in str(error.value)


@pytest.mark.parametrize("fields", [{"fraud_s": 0}, {"bank_tries": 0}, {"retry_wait_s": -1}])
def test_no_time_is_no_deadline(fields: dict[str, float]) -> None:
    with pytest.raises(DeadlineError):
        Deadlines(**fields)  # type: ignore[arg-type]
