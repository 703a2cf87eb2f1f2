"""One clause of one resource, seen in several places."""

from collections.abc import Mapping

import pytest

from operations.audit.reconcile import CHANGE, Key, Said, Sight, changes, reconcile
from operations.audit.result import Answer, Place, Reconciled, ResourceRef
from operations.audit.sights import Keys, preview_sight
from policies.control import Status

KEY: Key = ("aws:kms/key:Key", "123456789012", "eu-west-1", ("k",))
OTHER: Key = ("aws:kms/key:Key", "123456789012", "eu-west-1", ("other",))

PASS, FAIL, UNKNOWN, UNREAD = Status.PASS, Status.FAIL, Status.UNDETERMINED, Status.NOT_OBSERVED


def sight(
    place: Place,
    said: Mapping[Key, Status],
    *,
    there: tuple[Key, ...] | None = None,
    unobserved: Mapping[str, str] | None = None,
    made_by_aws: frozenset[Key] = frozenset(),
) -> Sight:
    keys = tuple(said) if there is None else there
    return Sight(
        place=place,
        refs={key: ResourceRef(type=key[0], name=f"{place}", id=str(key[3][0]), account=key[1]) for key in keys},
        said=[Said(control="KEY-03", clause="rotates", key=key, status=status) for key, status in said.items()],
        stacks={} if place is Place.LIVE else dict.fromkeys(keys, "eu-west-1"),
        unobserved=unobserved or {},
        listed=frozenset({KEY[0]}),
        made_by_aws=made_by_aws,
    )


def only(*sights: Sight) -> Answer:
    (answer,) = reconcile(sights, {})
    return answer


@pytest.mark.parametrize(
    ("state", "live", "status", "reconciled"),
    [
        (PASS, PASS, PASS, Reconciled.AGREES),
        (FAIL, FAIL, FAIL, Reconciled.AGREES),
        (PASS, FAIL, FAIL, Reconciled.DRIFTED),
        (Status.NOT_APPLICABLE, FAIL, FAIL, Reconciled.DRIFTED),
        (FAIL, PASS, FAIL, Reconciled.DIFFERS),
        (PASS, UNREAD, UNREAD, Reconciled.NOT_OBSERVED),
        (FAIL, UNREAD, FAIL, Reconciled.NOT_OBSERVED),
        (UNKNOWN, PASS, UNKNOWN, Reconciled.UNDETERMINED),
        (UNREAD, PASS, PASS, Reconciled.ONE_PLACE),
        (UNREAD, FAIL, FAIL, Reconciled.ONE_PLACE),
    ],
)
def test_the_worse_answer_counts_and_the_difference_has_a_name(
    state: Status, live: Status, status: Status, reconciled: Reconciled
) -> None:
    answer = only(sight(Place.STATE, {KEY: state}), sight(Place.LIVE, {KEY: live}))
    assert (answer.status, answer.reconciled) == (status, reconciled)
    assert [one.place for one in answer.observed] == [Place.STATE, Place.LIVE]
    assert (answer.stack, answer.resource.name) == ("eu-west-1", "state")


def test_what_only_the_account_has_is_unmanaged() -> None:
    answer = only(sight(Place.STATE, {}), sight(Place.LIVE, {KEY: PASS}))
    assert (answer.reconciled, answer.stack, answer.status) == (Reconciled.UNMANAGED, "", PASS)


def test_what_the_account_lost_is_missing_and_never_a_pass() -> None:
    answer = only(sight(Place.STATE, {KEY: PASS}), sight(Place.LIVE, {}))
    assert (answer.reconciled, answer.status) == (Reconciled.MISSING, UNREAD)


def test_what_could_not_be_listed_is_not_taken_for_missing() -> None:
    live = sight(Place.LIVE, {}, unobserved={KEY[0]: "eu-west-1: kms:ListKeys: AccessDenied"})
    answer = only(sight(Place.STATE, {KEY: PASS}), live)
    assert (answer.reconciled, answer.status) == (Reconciled.NOT_OBSERVED, UNREAD)
    assert "AccessDenied" in answer.reason


def test_a_type_that_no_reader_shows_is_not_observed_and_not_missing() -> None:
    other: Key = ("aws:acm/certificateValidation:CertificateValidation", *KEY[1:])
    state, reason = sight(Place.STATE, {}, there=(other,)), "a wait"
    (answer,) = changes([state, sight(Place.LIVE, {}, unobserved={other[0]: reason})], [])
    assert (answer.clause, answer.status) == ("nothing_is_missing", UNREAD)
    assert reason in answer.reason
    assert not list(changes([state, sight(Place.LIVE, {})], [])), "an object of a cluster that was not asked"


def test_one_place_alone_has_nothing_to_agree_with() -> None:
    assert only(sight(Place.STATE, {KEY: PASS})).reconciled is Reconciled.ONE_PLACE
    assert only(sight(Place.LIVE, {KEY: FAIL})).reconciled is Reconciled.ONE_PLACE


def test_a_clause_that_cannot_be_asked_live_rests_on_what_is_declared() -> None:
    sights = [sight(Place.STATE, {KEY: PASS}), sight(Place.LIVE, {}, there=(KEY,))]
    (answer,) = reconcile(sights, {("KEY-03", "rotates"): frozenset({Place.LIVE})})
    assert (answer.status, answer.reconciled) == (PASS, Reconciled.ONE_PLACE)


def test_what_aws_made_itself_is_no_finding_unless_a_state_has_it() -> None:
    live = sight(Place.LIVE, {KEY: FAIL}, made_by_aws=frozenset({KEY}))
    assert list(reconcile([sight(Place.STATE, {}), live], {})) == []
    assert only(sight(Place.STATE, {KEY: FAIL}), live).status is FAIL


def test_a_plan_of_something_new_is_not_missing() -> None:
    answer = only(sight(Place.PREVIEW, {KEY: PASS}), sight(Place.STATE, {}), sight(Place.LIVE, {}))
    assert (answer.status, answer.reconciled) == (PASS, Reconciled.ONE_PLACE)


def test_two_declarations_of_one_resource_count_as_the_worse() -> None:
    state = sight(Place.STATE, {KEY: PASS})
    said = [Said(control="KEY-03", clause="rotates", key=KEY, status=status) for status in (PASS, FAIL, PASS)]
    both = Sight(place=Place.STATE, refs=state.refs, said=said, stacks=state.stacks)
    assert only(both).status is FAIL


def test_changes_are_told_of_each_resource() -> None:
    state, live = sight(Place.STATE, {KEY: PASS}), sight(Place.LIVE, {OTHER: PASS})
    found = list(changes([state, live], reconcile([state, live], {})))
    assert {(one.clause, one.status, one.reconciled) for one in found} == {
        ("nothing_is_unmanaged", FAIL, Reconciled.UNMANAGED),
        ("nothing_is_missing", FAIL, Reconciled.MISSING),
    }
    assert {one.control for one in found} == {CHANGE}


def test_drift_of_a_clause_is_drift_of_its_resource() -> None:
    state, live = sight(Place.STATE, {KEY: PASS}), sight(Place.LIVE, {KEY: FAIL})
    (found,) = changes([state, live], reconcile([state, live], {}))
    assert (found.clause, found.status, found.reason) == ("nothing_drifted", FAIL, "KEY-03 rotates")


def test_nothing_is_said_of_changes_without_both_places() -> None:
    assert list(changes([sight(Place.STATE, {KEY: PASS})], [])) == []


def test_types_that_an_audit_does_not_list_are_not_missing() -> None:
    key: Key = ("aws:cloudwatch/dashboard:Dashboard", "123456789012", "eu-west-1", ("d",))
    state, live = sight(Place.STATE, {key: PASS}), sight(Place.LIVE, {})
    assert list(changes([state, live], [])) == []


def test_previews_of_several_stacks_are_one_place() -> None:
    urn = "urn:pulumi:{0}::payment-cell::payment-cell:components:Keys$aws:kms/key:Key::{0}-k"
    found = {
        stack: [{"control": "KEY-03", "clause": "rotates", "urn": urn.format(stack), "status": "pass", "reason": ""}]
        for stack in ("eu-west-1", "us-east-1")
    }
    answers = list(reconcile([preview_sight(found, Keys(), "123456789012")], {}))
    assert [(one.stack, one.resource.type, len(one.observed)) for one in answers] == [
        ("eu-west-1", "aws:kms/key:Key", 1),
        ("us-east-1", "aws:kms/key:Key", 1),
    ]
