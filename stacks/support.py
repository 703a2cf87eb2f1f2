"""Ends of support of what a cell runs.

deadlines(in_use, today)           each version with the day on which its support ends
support_problems(file, today)      warnings, 90 days before; raises ConfigError at the end

Both are pure: `today` is an argument. Dates are the catalogue's (`catalogue/versions.yaml`).
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

import catalogue
from components.vocabulary import Compute
from stacks.models import CellSettings
from stacks.plan import CellPlan
from stacks.problems import ConfigError, Problem
from stacks.settings import StackFile
from stacks.versions import installed

NOTICE_DAYS = 90
"""Days before an end of support from which a preview warns: a quarter, in which each cell has maintenance windows."""


class Urgency(StrEnum):
    """How near the end of support is."""

    SUPPORTED = "supported"
    ENDS_SOON = "ends soon"
    ENDED = "ended"
    UNKNOWN = "not in the catalogue"


@dataclass(frozen=True, kw_only=True, slots=True)
class InUse:
    """Versions that run, declared or found."""

    kubernetes: str
    nodes: Mapping[str, str]
    """Node group -> Kubernetes version; empty in Auto Mode."""
    addons: Mapping[str, str]
    """Add-on -> version."""
    shards: Mapping[str, str]
    """Shard -> engine version."""
    ca: str
    """Authority of the database servers' certificates."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Deadline:
    """One version and the end of its support."""

    what: str
    """Such as ``control plane`` or ``Aurora PostgreSQL``."""
    version: str
    key: str
    """Setting of the stack file that chooses it."""
    ends: datetime.date | None
    """Last day of AWS's standard support; None where the catalogue does not know the version."""
    days_left: int | None
    urgency: Urgency
    source: str

    def __str__(self) -> str:
        if self.ends is None:
            return f"{self.version}, not in catalogue/versions.yaml"
        if self.urgency is Urgency.ENDED:
            return f"{self.version}, support ended on {self.ends}"
        return f"{self.version}, supported until {self.ends} ({self.days_left} days)"


def declared(plan: CellPlan) -> InUse:
    """What a plan has the cell run. Auto Mode has no node groups: its nodes have the control plane's version."""
    groups = plan.node_groups if plan.compute is Compute.MANAGED else ()
    return InUse(
        kubernetes=plan.kubernetes_version,
        nodes=dict.fromkeys(groups, plan.node_version),
        addons=installed(plan.addons, plan.compute),
        shards={shard.id: plan.shard_versions.get(shard.id, plan.engine_version) for shard in plan.shards},
        ca=plan.ca_identifier,
    )


def deadlines(in_use: InUse, today: datetime.date) -> tuple[Deadline, ...]:
    """The end of support of each version in use, the control plane's first."""

    def made(what: str, version: str, key: str, ends: datetime.date | None, source: str) -> Deadline:
        left = None if ends is None else (ends - today).days
        return Deadline(
            what=what, version=version, key=key, ends=ends, days_left=left, urgency=_urgency(left), source=source
        )

    return tuple(made(*entry) for entry in _ends(in_use))


def _urgency(days_left: int | None) -> Urgency:
    if days_left is None:
        return Urgency.UNKNOWN
    if days_left <= 0:
        return Urgency.ENDED
    return Urgency.ENDS_SOON if days_left <= NOTICE_DAYS else Urgency.SUPPORTED


_Entry = tuple[str, str, str, datetime.date | None, str]


def _ends(in_use: InUse) -> Iterator[_Entry]:
    """(what, version, setting, end, source) of each version in use."""
    known = catalogue.versions()
    kubernetes, engine = known.kubernetes, known.aurora_postgresql

    def of_kubernetes(version: str) -> datetime.date | None:
        found = kubernetes.versions.get(version)
        return found.standard_until if found else None

    yield "control plane", in_use.kubernetes, "versions.kubernetes", of_kubernetes(in_use.kubernetes), kubernetes.source
    for version, groups in _by_version(in_use.nodes).items():
        yield f"nodes ({groups})", version, "versions.nodes", of_kubernetes(version), kubernetes.source
    if in_use.nodes:  # AWS chooses the image of Auto Mode's nodes
        image = known.node_image
        yield "node image", image.name, "", image.until, image.source
    for name, version in sorted(in_use.addons.items()):
        goes_with = [
            m for m, addons in known.addons.versions.items() if name in addons and addons[name].version == version
        ]
        ends = max((kubernetes.versions[minor].standard_until for minor in goes_with), default=None)
        yield f"add-on {name}", version, "versions.addons", ends, known.addons.source
    for version, shards in _by_version(in_use.shards).items():
        minor = engine.versions.get(version)
        until = minor.standard_until if minor else None
        yield f"Aurora PostgreSQL ({shards})", version, "versions.aurora", until, engine.source
    for major in dict.fromkeys(version.split(".")[0] for version in in_use.shards.values()):
        found = engine.majors.get(major)
        yield (
            "Aurora PostgreSQL, major",
            major,
            "versions.aurora",
            found.standard_until if found else None,
            engine.source,
        )
    ca = known.database_ca
    yield "database CA", in_use.ca, "", ca.valid_until if in_use.ca == ca.identifier else None, ca.source


def _by_version(parts: Mapping[str, str]) -> dict[str, str]:
    """Version -> the parts that run it, as one word list."""
    return {
        version: ", ".join(name for name, own in sorted(parts.items()) if own == version)
        for version in sorted(set(parts.values()))
    }


def support_problems(file: StackFile, plan: CellPlan, today: datetime.date) -> list[Problem]:
    """Warnings of ends that are near. Raises ConfigError for versions whose support has ended.

    What lags behind the declared control plane or engine version is on its way in an upgrade: a warning, also past its
    end, so that an upgrade can leave a version that has ended. `versions.graceUntil` is for everything else.
    """
    assert isinstance(file.settings, CellSettings)
    grace = file.settings.versions.grace_until
    warnings: list[Problem] = []
    errors: list[Problem] = []
    for together in _together(deadlines(declared(plan), today)):
        ended = together[0].urgency is Urgency.ENDED and not _lags(together[0], plan)
        (errors if ended and not (grace and today <= grace) else warnings).append(_problem(file, together))
    if errors:
        raise ConfigError(errors)
    return warnings


def _together(found: tuple[Deadline, ...]) -> list[list[Deadline]]:
    """Ends that are near or reached, those of one setting and day in one list."""
    groups: dict[tuple[str, datetime.date | None], list[Deadline]] = {}
    for deadline in found:
        if deadline.urgency in (Urgency.ENDS_SOON, Urgency.ENDED):
            groups.setdefault((deadline.key, deadline.ends), []).append(deadline)
    return list(groups.values())


def _lags(deadline: Deadline, plan: CellPlan) -> bool:
    match deadline.key:
        case "versions.nodes":
            return deadline.version != plan.kubernetes_version
        case "versions.addons":
            return dict(plan.addons) != catalogue.versions().addons.of(plan.kubernetes_version)
        case "versions.aurora":
            return deadline.version not in (plan.engine_version, plan.engine_version.split(".")[0])
        case _:
            return False


def _problem(file: StackFile, together: list[Deadline]) -> Problem:
    first = together[0]
    rule = f"reaches its end of support on {first.ends}, in {first.days_left} days"
    if first.urgency is Urgency.ENDED:
        rule = f"is past its end of support, which was on {first.ends}"
    what = ", ".join(f"{deadline.what} {deadline.version}" for deadline in together)
    return file.problem(first.key or "versions", f"{rule}: {what}", _way_out(file.name, first))


def _way_out(stack: str, deadline: Deadline) -> str:
    """The command that leaves the version, where the catalogue knows a later end."""
    known, option = catalogue.versions(), ""
    if deadline.key == "versions.aurora":
        major = deadline.version.split(".")[0]
        ends = {name: version.standard_until for name, version in known.aurora_postgresql.versions.items()}
        same = {name: end for name, end in ends.items() if name.split(".")[0] == major and end > (deadline.ends or end)}
        later = same or {name: end for name, end in ends.items() if int(name.split(".")[0]) > int(major)}
        option = f"--to-aurora {max(later, key=later.__getitem__)}" if later else ""
    elif deadline.key:
        newest = max(known.kubernetes.versions.items(), key=lambda item: item[1].standard_until)
        option = (
            f"--to-kubernetes {newest[0]}" if newest[1].standard_until > (deadline.ends or newest[1].released) else ""
        )
    way = f"run `cell upgrade {stack} --plan {option}`" if option else "add its successor to catalogue/versions.yaml"
    return f"{way}, or decide on versions.graceUntil"
