"""The same thing has another name on each side of a pair: what both sides' values look like without their place.

Names, regions, zones, address blocks and domain become words such as `<cell>`; what a cloud made up (ids, endpoints,
random suffixes) becomes `<logical name.property>`. What a replica says of its primary's place becomes `<home>`,
which no primary says: a replica that leans on its primary's region is a difference.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from contracts.epoch import epoch_table
from operations.audit.state import plain, resources
from stacks.plan import CellPlan

HERE, HOME = "<here>", "<home>"

REPOSITORY = "aws:ecr/repository:Repository"
SECRET_VERSION = "aws:secretsmanager/secretVersion:SecretVersion"
"""Has its secret's ARN."""
PROXY = "aws:rds/proxy:Proxy"
"""Policies know it by the end of its ARN
(https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy-setup.html)."""
PAIR_WIDE = frozenset({"aws:dynamodb/table:Table", "aws:secretsmanager/secret:Secret", REPOSITORY})
"""Types whose copies in the other region have the primary's name: their ARNs differ in the region alone."""

_PIECES = re.compile(r"([:/,|=\s\"]+)")
_MADE_UP = re.compile(r"(?:id|arn|name|endpoint|address|url|bucket|identifier|publicIp|suffix)$", re.IGNORECASE)
_NAME = re.compile(r"^(?:id|name|bucket)$|identifier$|Name$", re.IGNORECASE)
_LEAST = 8
"""Characters from which a value with a digit is taken for one that a cloud made up, and no word."""

Row = Mapping[str, Any]
"""A resource as the engine exports it."""


@dataclass(frozen=True)
class Place:
    """One side of a pair."""

    rules: tuple[tuple[re.Pattern[str], str], ...]
    made_up: Mapping[str, str]
    """What a cloud made up -> of which resource it is."""
    common: Mapping[str, str]
    """Names that both sides use -> what of."""
    foreign: re.Pattern[str] | None = None
    """Region that must not stand anywhere: the primary's, of a replica."""
    claimed: frozenset[str] = frozenset()
    """Those of `common` that something of the primary's own has too: a queue may be called as a table is."""

    @cached_property
    def apart(self) -> Place:
        """The same where names that are claimed twice are a side's own."""
        return replace(self, common={name: of for name, of in self.common.items() if name not in self.claimed})

    @cached_property
    def _names(self) -> Mapping[str, str]:
        return {**self.made_up, **self.common}

    def value(self, value: Any) -> Any:
        """A value without its place. Text that is JSON is read."""
        if isinstance(value, Mapping):
            return {self.text(str(name)): self.value(member) for name, member in value.items() if name != "__defaults"}
        if isinstance(value, list):
            members = [self.value(member) for member in value]
            # Subnets, groups, actions: their order is a matter of names.
            return sorted(members) if all(isinstance(member, str) for member in members) else members
        if isinstance(value, str):
            return self._string(value)
        return value

    def _string(self, value: str) -> Any:
        if value[:1] in ("{", "["):
            try:
                return self.value(json.loads(value))
            except ValueError:
                pass
        return self.text(value)

    def text(self, text: str) -> str:
        """A text without its place."""
        names = self._names
        if text in names:
            return names[text]
        text = "".join(names.get(piece, piece) for piece in _PIECES.split(text))
        for pattern, word in self.rules:
            text = pattern.sub(word, text)
        return text


def place(
    plan: CellPlan, primary: CellPlan, rows: Iterable[Row], primary_rows: Iterable[Row], account: Iterable[Row] = ()
) -> Place:
    """A side of the pair, from its plan and the states of its stacks; `account`: state of the account's stack."""
    bare = Place(rules=_rules(plan, primary), made_up={}, common={})
    common = {
        name: f"<pair{_logical(row).removeprefix(primary.cell)}>"
        for row in resources(primary_rows)
        if row["type"] in PAIR_WIDE
        for name in _common_names(row)
    }
    claims = (row for row in resources(primary_rows) if row["type"] not in {*PAIR_WIDE, SECRET_VERSION})
    claimed = {name for row in claims for name in _common_names(row)} & common.keys()
    made_up: dict[str, str] = {}
    for row in resources([*rows, *account]):
        # Without the type: a global cluster, which one side has, and its member are both named after the shard.
        of = bare.text(_logical(row))
        for name, value in _own_values(row):
            if value in (plan.cell, plan.region, primary.cell) or {value, _last(value)} & common.keys() - claimed:
                continue
            if row["type"] not in PAIR_WIDE:
                made_up.setdefault(value, f"<{of}>" if _NAME.search(name) else f"<{of}.{name}>")
    foreign = _word(primary.region) if plan.region != primary.region else None
    return Place(rules=bare.rules, made_up=made_up, common=common, foreign=foreign, claimed=frozenset(claimed))


def _logical(row: Row) -> str:
    return str(row["urn"].rpartition("::")[2])


def _common_names(row: Row) -> set[str]:
    """A name, and how it ends the ARN: Secrets Manager adds six characters, the same in each region."""
    outputs = plain(row.get("outputs") or {})
    found = {str(outputs.get("name") or "")}
    # A repository's name has a slash; its images are found by the rule of `_rules`.
    found |= set() if row["type"] == REPOSITORY else {_last(str(outputs.get("arn") or ""))}
    return found - {""}


def _last(arn: str) -> str:
    return arn.rpartition(":")[2].rpartition("/")[2]


def _own_values(row: Row) -> Iterable[tuple[str, str]]:
    """What nobody wrote: the id, and outputs that are no inputs or were filled in by the engine."""
    inputs, outputs = plain(row.get("inputs") or {}), plain(row.get("outputs") or {})
    filled = set(inputs.get("__defaults") or ())
    found = {"id": row.get("id", ""), **outputs}
    # The group that EKS makes for a cluster.
    found["clusterSecurityGroupId"] = (outputs.get("vpcConfig") or {}).get("clusterSecurityGroupId")
    if row["type"] == PROXY and (last := _last(str(outputs.get("arn") or ""))).startswith("prx-"):
        found["arnIdentifier"] = last
    for name, value in found.items():
        told = name in inputs and name not in filled
        worded = not isinstance(value, str) or len(value) < _LEAST or not any(one.isdigit() for one in value)
        if not told and not worded and _MADE_UP.search(name):
            yield name, value


def _rules(plan: CellPlan, primary: CellPlan) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Longest and most special first: a cell may be named as its region is."""
    rules = [(_word(epoch_table(primary.cell)), "<epoch store>"), (re.compile(re.escape(plan.domain)), "<domain>")]
    # ECR replicates repositories under their names.
    rules += [(re.compile(rf"(?:(?<=\.amazonaws\.com/)|(?<=:repository/)){re.escape(primary.cell)}/"), "<pair>/")]
    rules += [(_word(zone), f"<zone {number}>") for number, zone in enumerate(plan.subnet_zone_ids)]
    rules += [(re.compile(rf"(?<![\w-]){re.escape(plan.region)}[a-f]\b"), "<zone>")]
    blocks = {"<block>": plan.vpc_cidr} | {
        f"<block {tier} {number}>": zones[zone]
        for tier, zones in plan.subnets.items()
        for number, zone in enumerate(plan.subnet_zone_ids)
    }
    rules += [(re.compile(rf"(?<![\d.]){re.escape(block)}(?!\d)"), word) for word, block in blocks.items()]
    rules += [(_word(name), HERE) for name in (plan.cell, plan.cell.replace("-", "_"), plan.region)]
    if plan.cell != primary.cell:
        rules += [(_word(primary.cell), HOME), (_word(primary.region), HOME)]
    return tuple(rules)


def _word(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])")
