"""The shard map: every account has one shard, it moves no more than it must, and a broken map is noticed."""

import json
from collections import Counter
from dataclasses import replace
from math import ceil

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from contracts.shard_map import (
    ADVANCED_PARAMETER_BYTES,
    EMPTY_STATES,
    SLOTS,
    STANDARD_PARAMETER_BYTES,
    Shard,
    ShardMap,
    ShardMapError,
    ShardState,
    canonical,
    checksum,
    parse,
    slot_of,
)
from contracts.shard_plan import (
    Change,
    ChangeKind,
    add_shard,
    apply,
    check_successor,
    declared_map,
    first_map,
    moved_slots,
)

counts = st.sampled_from([1, 2, 4, 8, 16, 32])
account_ids = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}", fullmatch=True)


@st.composite
def histories(draw: st.DrawFn) -> tuple[int, list[Change]]:
    """A first count and changes that may follow each other."""
    count = draw(st.sampled_from([1, 2, 4, 8]))
    shard_map, changes = first_map(count), []
    for _ in range(draw(st.integers(0, 6))):
        new = f"s{len(shard_map.shards):02d}"
        options = [Change(kind=ChangeKind.ADD, shard=new, weight=draw(st.integers(1, 5)))]
        for shard in shard_map.shards:
            for kind in (ChangeKind.SERVE, ChangeKind.READ_ONLY, ChangeKind.DRAIN, ChangeKind.RETIRE):
                options.append(Change(kind=kind, shard=shard.id))
            options.append(Change(kind=ChangeKind.WEIGH, shard=shard.id, weight=draw(st.integers(1, 5))))
        change = draw(st.sampled_from(options))
        try:
            shard_map = apply(shard_map, change)
        except ShardMapError:
            continue
        changes.append(change)
    return count, changes


@pytest.mark.parametrize(
    ("account_id", "slot"), [("acct_1", 1144), ("acct_2", 35), ("merchant:0001", 1323), ("0", 1534), ("a" * 64, 4094)]
)
def test_slots_of_published_vectors_never_change(account_id: str, slot: int) -> None:
    assert slot_of(account_id) == slot


@given(account_ids)
def test_every_account_has_a_slot(account_id: str) -> None:
    assert 0 <= slot_of(account_id) < SLOTS


@pytest.mark.parametrize("account_id", ["", " a", "a ", "a" * 65, "ä", "a\n", "-a", None, 7])
def test_an_account_id_with_two_spellings_is_refused(account_id: object) -> None:
    with pytest.raises(ShardMapError, match="1 to 64"):
        slot_of(account_id)  # type: ignore[arg-type]


def test_accounts_spread_evenly_over_slots() -> None:
    per_slot = Counter(slot_of(f"acct_{number}") for number in range(200_000))
    assert max(per_slot.values()) < 100, "the mean is 49"
    assert len(per_slot) == SLOTS


@given(counts)
def test_first_shards_are_equal_and_each_one_range(count: int) -> None:
    shard_map = first_map(count)
    assert {len(shard_map.slots_of(shard.id)) for shard in shard_map.shards} == {SLOTS // count}
    assert len(list(shard_map.ranges())) == count


@given(st.sampled_from([1, 2, 4, 8, 16]))
def test_doubling_moves_half_of_the_slots_and_only_to_new_shards(count: int) -> None:
    before, after = first_map(count), first_map(2 * count)
    moved = moved_slots(before, after)
    old = {shard.id for shard in before.shards}
    assert len(moved) == SLOTS // 2
    assert not {after.owners[slot] for slot in moved} & old
    assert after.version == before.version + 1


@settings(max_examples=25, deadline=None)
@given(counts, st.integers(0, 12))
def test_one_more_shard_moves_at_most_its_share_and_only_to_it(count: int, added: int) -> None:
    before = first_map(count)
    for _ in range(added):
        before = add_shard(before)
    after = add_shard(before)
    moved = moved_slots(before, after)
    assert len(moved) <= ceil(SLOTS / len(after.shards))
    assert {after.owners[slot] for slot in moved} == {after.shards[-1].id}
    sizes = Counter(after.owners)
    assert set(sizes) == {shard.id for shard in after.shards}
    assert max(sizes.values()) - min(sizes.values()) <= 1


@settings(max_examples=40, deadline=None)
@given(counts, st.integers(1, 9))
def test_a_heavier_shard_takes_at_most_its_weighted_share(count: int, weight: int) -> None:
    before = first_map(count)
    after = add_shard(before, weight)
    moved = moved_slots(before, after)
    assert len(moved) <= ceil(SLOTS * weight / (count + weight))
    assert len(moved) >= SLOTS * weight // (count + weight)
    assert {after.owners[slot] for slot in moved} <= {after.shards[-1].id}


@settings(max_examples=60, deadline=None)
@given(histories())
def test_every_history_covers_all_slots_and_gives_the_same_map_again(history: tuple[int, list[Change]]) -> None:
    count, changes = history
    shard_map = declared_map(count, changes)
    assert Counter(shard_map.owners).total() == SLOTS
    assert all(shard_map.shard(owner).state not in EMPTY_STATES for owner in set(shard_map.owners))
    assert declared_map(count, changes).to_json() == shard_map.to_json()
    assert parse(shard_map.to_json()) == shard_map


@settings(max_examples=60, deadline=None)
@given(histories())
def test_each_change_moves_slots_only_to_or_from_the_shard_it_names(history: tuple[int, list[Change]]) -> None:
    count, changes = history
    before = first_map(count)
    for change in changes:
        after = apply(before, change)
        assert after.version == before.version + 1
        for slot in moved_slots(before, after):
            assert change.shard in (before.owners[slot], after.owners[slot])
        before = after


@settings(max_examples=30, deadline=None)
@given(histories(), account_ids)
def test_an_override_is_stronger_than_the_slot(history: tuple[int, list[Change]], account_id: str) -> None:
    shard_map = declared_map(*history)
    serving = [shard.id for shard in shard_map.shards if shard.state not in EMPTY_STATES]
    for shard_id in serving:
        assert replace(shard_map, overrides={account_id: shard_id}).shard_of(account_id) == shard_id
    assert shard_map.shard_of(account_id) == shard_map.owners[slot_of(account_id)]


def test_a_provisioning_shard_holds_nothing_until_it_serves() -> None:
    added = apply(first_map(2), Change(kind=ChangeKind.ADD, shard="s02"))
    assert added.slots_of("s02") == ()
    served = apply(added, Change(kind=ChangeKind.SERVE, shard="s02"))
    assert len(served.slots_of("s02")) == SLOTS // 3


def test_a_draining_shard_keeps_its_slots_and_a_retired_one_gives_them_away() -> None:
    draining = apply(first_map(4), Change(kind=ChangeKind.DRAIN, shard="s01"))
    assert len(draining.slots_of("s01")) == 1024
    retired = apply(draining, Change(kind=ChangeKind.RETIRE, shard="s01"))
    assert retired.slots_of("s01") == ()
    assert {len(retired.slots_of(shard)) for shard in ("s00", "s02", "s03")} == {1365, 1366}
    assert retired.shard("s01").state is ShardState.RETIRED


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (Change(kind=ChangeKind.ADD, shard="s07"), "use s04"),
        (Change(kind=ChangeKind.SERVE, shard="s00"), "it is serving"),
        (Change(kind=ChangeKind.RETIRE, shard="s00"), "starts from draining, provisioning"),
        (Change(kind=ChangeKind.WEIGH, shard="s00"), "weigh needs it"),
        (Change(kind=ChangeKind.DRAIN, shard="s00", weight=2), "a weight belongs to"),
        (Change(kind=ChangeKind.DRAIN, shard="s09"), "not in the map"),
        (Change(kind=ChangeKind.WEIGH, shard="s00", weight=0), "outside 1..4096"),
    ],
)
def test_a_change_that_cannot_follow_is_refused(change: Change, rule: str) -> None:
    with pytest.raises(ShardMapError, match=rule):
        apply(first_map(4), change)


def test_the_last_shard_cannot_be_retired() -> None:
    with pytest.raises(ShardMapError, match="no serving shard is left"):
        declared_map(1, [Change(kind=ChangeKind.DRAIN, shard="s00"), Change(kind=ChangeKind.RETIRE, shard="s00")])


@pytest.mark.parametrize(("count", "choices"), [(5, "4 or 8"), (0, "use 1"), (3, "2 or 4"), (5000, "use 4096")])
def test_a_count_that_loses_slots_is_refused_with_its_neighbours(count: int, choices: str) -> None:
    with pytest.raises(ShardMapError, match=choices):
        first_map(count)


def test_maps_of_a_regions_default_quota_fit_a_parameter() -> None:
    assert len(first_map(32).to_json()) <= STANDARD_PARAMETER_BYTES
    shard_map = first_map(8)
    while len(shard_map.shards) < 40:
        shard_map = add_shard(shard_map)
    assert len(shard_map.to_json()) <= ADVANCED_PARAMETER_BYTES


def _resealed(content: dict[str, object]) -> str:
    content = {key: value for key, value in content.items() if key != "checksum"}
    return canonical({**content, "checksum": checksum(content)})


def _broken(**changes: object) -> str:
    return _resealed({**json.loads(first_map(2).to_json()), **changes})


def _shards(first: str, second: str, state: str = "serving") -> list[dict[str, object]]:
    return [
        {"id": "s00", "weight": 1, "state": "serving", "ranges": first},
        {"id": "s01", "weight": 1, "state": state, "ranges": second},
    ]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "not JSON"),
        ("[" * 5000, "not JSON"),
        ("[]", "schema is not"),
        (first_map(2).to_json().replace('"version":2', '"version":3'), "checksum does not fit"),
        (_broken(version=0), "version 0"),
        (_broken(version="2"), "version '2'"),
        (_broken(slots=1024), "1024 slots"),
        (_broken(extra=1), "unknown keys extra"),
        (_broken(shards=_shards("0-2047", "2049-4095")), "1 slots without a shard, the first is 2048"),
        (_broken(shards=_shards("0-2048", "2048-4095")), "slot 2048 belongs to s00 and s01"),
        (_broken(shards=_shards("0-2047", "2048-4096")), "2048-4096"),
        (_broken(shards=_shards("0-2047", "4095-2048")), "4095-2048"),
        (_broken(shards=_shards("0-2047", "2048-4095", "retired")), "s01 is retired and holds slots"),
        (_broken(shards=_shards("0-2047", "2048-4095", "asleep")), "'asleep' is not one of"),
        (_broken(shards=[{"id": "s00"}]), "lacks what its schema needs"),
        (_broken(shards=7), "lacks what its schema needs"),
        (_broken(overrides={"acct_1": "s09"}), "'s09' is not a shard"),
        (_broken(overrides=["acct_1"]), "overrides is not a mapping"),
    ],
)
def test_a_broken_map_is_refused_with_what_is_wrong(text: str, rule: str) -> None:
    with pytest.raises(ShardMapError, match=rule):
        parse(text)


@given(st.data())
def test_no_flipped_character_of_a_published_map_is_believed(data: st.DataObject) -> None:
    text = add_shard(first_map(2)).to_json()
    place = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.characters(min_codepoint=32, max_codepoint=126))
    assume(letter != text[place])
    with pytest.raises(ShardMapError):
        parse(text[:place] + letter + text[place + 1 :])


def test_lowering_the_count_below_the_published_is_refused() -> None:
    with pytest.raises(ShardMapError, match="is below the published"):
        check_successor(first_map(8), first_map(4))


def test_moving_slots_before_their_rows_is_refused_and_allowed_after() -> None:
    with pytest.raises(ShardMapError, match=r"2,048 of 4,096 slots would leave s00, s01, s02, s03"):
        check_successor(first_map(4), first_map(8))
    check_successor(first_map(4), first_map(8), slots_may_move=True)


def test_adding_a_shard_without_slots_may_be_published_at_once() -> None:
    check_successor(first_map(4), apply(first_map(4), Change(kind=ChangeKind.ADD, shard="s04")))


def test_publishing_the_same_map_again_is_no_change() -> None:
    check_successor(first_map(4), first_map(4))


def test_another_map_under_a_published_version_is_refused() -> None:
    before = apply(first_map(4), Change(kind=ChangeKind.WEIGH, shard="s00", weight=2))
    after = apply(first_map(4), Change(kind=ChangeKind.WEIGH, shard="s01", weight=2))
    with pytest.raises(ShardMapError, match="another map was published as version 4"):
        check_successor(before, after)


def test_a_shard_that_vanishes_is_refused() -> None:
    grown = apply(first_map(2), Change(kind=ChangeKind.ADD, shard="s02"))
    gone = ShardMap(version=9, shards=grown.shards[:2], owners=grown.owners)
    with pytest.raises(ShardMapError, match="s02 was published and is gone"):
        check_successor(grown, gone)


def test_a_retired_shard_does_not_come_back() -> None:
    changes = [Change(kind=ChangeKind.ADD, shard="s02"), Change(kind=ChangeKind.RETIRE, shard="s02")]
    retired = declared_map(2, changes)
    revived = replace(retired, version=9, shards=(*retired.shards[:2], Shard(id="s02")))
    with pytest.raises(ShardMapError, match="s02 was retired"):
        check_successor(retired, revived)
