"""CHG-01: exceptions, as an audit answers of itself; drift is asked in `test_audit_reconcile.py`."""

from asked_audits import asked
from audit_samples import audit

from policies.control import Status


def test_a_refused_exception_fails_and_one_that_holds_passes() -> None:
    sample = audit()
    found = asked("CHG-01", accepted=sample.exceptions, refused=sample.refused_exceptions)
    assert found == {
        ("no_exception_is_refused", "EX-1"): Status.PASS,
        ("no_exception_is_refused", "exceptions/eu-west-1.yaml:12 EX-2"): Status.FAIL,
    }
    assert set(asked("CHG-01").values()) == {Status.NOT_APPLICABLE}
