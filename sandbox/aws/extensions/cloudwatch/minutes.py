"""Values of a metric, added up by the minute, as CloudWatch keeps those of standard resolution.

A filter over log lines makes one value a line: kept one by one they would fill the process, and looking for the values
of one metric would read them all. Percentiles need single values: of these metrics there are none here.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from threading import Lock

from moto.cloudwatch.models import MetricAggregatedDatum

from sandbox.aws.extensions.log_metrics import Datum

KEPT = timedelta(hours=6)
"""CloudWatch keeps minutes for 15 days
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html)."""

MINUTE = timedelta(minutes=1)

Key = tuple[str, str, tuple[tuple[str, str], ...]]
"""Namespace, name, dimensions."""


def key_of(namespace: str, name: str, dimensions: Mapping[str, str]) -> Key:
    return namespace, name, tuple(sorted(dimensions.items()))


def minute_of(when: datetime) -> datetime:
    return when.replace(second=0, microsecond=0)


class Minutes:
    """All of one account and region. Times are UTC without a zone, as moto has them."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: dict[Key, dict[datetime, MetricAggregatedDatum]] = {}

    def add(self, datum: Datum, when: datetime) -> None:
        """One value more."""
        minute, value = minute_of(when), datum.value
        with self._lock:
            own = self._kept.setdefault(key_of(datum.namespace, datum.name, datum.dimensions), {})
            found = own.get(minute)
            if found is None:
                own[minute] = _first(datum, minute)
                for old in [one for one in own if one < minute - KEPT]:
                    del own[old]
                return
            found.min, found.max = min(found.min, value), max(found.max, value)
            found.sum += value
            found.sample_count += 1

    def between(self, key: Key, begin: datetime, end: datetime) -> list[MetricAggregatedDatum]:
        """Minutes of one metric, `end` not included."""
        with self._lock:
            return [one for minute, one in self._kept.get(key, {}).items() if begin <= minute < end]

    def has(self, key: Key) -> bool:
        """Whether there ever was a value."""
        return key in self._kept

    def all(self) -> list[MetricAggregatedDatum]:
        with self._lock:
            return [one for own in self._kept.values() for one in own.values()]


def _first(datum: Datum, minute: datetime) -> MetricAggregatedDatum:
    return MetricAggregatedDatum(
        namespace=datum.namespace,
        name=datum.name,
        min_stat=datum.value,
        max_stat=datum.value,
        sample_count=1,
        sum_stat=datum.value,
        dimensions=[{"Name": name, "Value": value} for name, value in sorted(datum.dimensions.items())],
        timestamp=minute,
        unit=datum.unit,
    )
