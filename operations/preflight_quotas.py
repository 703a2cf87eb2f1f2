"""What a cell needs of its account's quotas, what the account has, and what to ask AWS for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil
from threading import Event
from typing import Any

import catalogue
from operations.preflight_aws import NotObserved, Silent, ask
from operations.preflight_report import Answer
from stacks.capacity import GRANTED
from stacks.plan import Cap

HEADROOM = 1.25
"""What is asked for is a quarter above the need: a grant takes days, and the next shard or peak comes before it."""

_PARALLEL = 8
"""Service Quotas answers 10 requests a second and account without throttling."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """An increase to file."""

    service_code: str
    quota_code: str
    desired_value: int
    region: str

    @property
    def command(self) -> str:
        """The line that files it."""
        return (
            f"aws service-quotas request-service-quota-increase --region {self.region} "
            f"--service-code {self.service_code} --quota-code {self.quota_code} --desired-value {self.desired_value}"
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class QuotaFinding:
    """One quota: need against have."""

    name: str
    need: int
    have: int
    unit: str
    origin: str
    """Who says what the account has: stack file, AWS, emulator, or the catalogue with its date."""
    result: Answer
    formula: str
    fix: str = ""
    request: Request | None = None


def live_values(client: Any, names: Sequence[str]) -> Mapping[str, float]:
    """What Service Quotas says an account has in the client's region. What it does not tell is left out."""
    codes = {name: quota.request for name in names if (quota := catalogue.quotas()[name]).request is not None}
    silent = Event()

    def value(request: catalogue.QuotaCode) -> float | None:
        try:
            return None if silent.is_set() else _live(client, request)
        except Silent:
            silent.set()
        except NotObserved:
            pass
        return None

    with ThreadPoolExecutor(_PARALLEL) as pool:
        values = zip(codes, pool.map(value, codes.values()), strict=True)
        return {name: found for name, found in values if found is not None}


def _live(client: Any, request: catalogue.QuotaCode) -> float | None:
    """The applied value; of a quota that nobody ever changed AWS may know its default only."""
    place = {"ServiceCode": request.service, "QuotaCode": request.code}
    unknown = {"NoSuchResourceException"}
    answer = ask(client.get_service_quota, absent=unknown, **place)
    if answer is None:
        answer = ask(client.get_aws_default_service_quota, absent=unknown, **place)
    return None if answer is None else float(answer["Quota"]["Value"])


def quota_finding(cap: Cap, live: float | None, region: str, *, emulated: bool) -> QuotaFinding:
    """Compares what cells need with what was granted by the stack file, else AWS's answer, else the catalogue.

    A grant that AWS itself does not know of is not one; an emulator knows of none, so its answer contradicts nobody.
    """
    quota = catalogue.quotas()[cap.dimension]
    granted = cap.source == GRANTED
    denied = granted and live is not None and live < cap.demand and not emulated
    if live is not None and (denied or not granted):
        have, origin = live, "emulator" if emulated else "AWS"
    else:
        have, origin = cap.limit, "stack file" if granted else f"catalogue, {catalogue.quotas_date()}"
    known = granted or live is not None or not quota.adjustable
    if cap.demand <= have:
        result = Answer.OK if known else Answer.NOT_OBSERVED
    else:
        result = Answer.NOT_OBSERVED if quota.raised_by_use and not known else Answer.FAILED
    request = None
    if cap.demand > have and quota.adjustable and quota.request is not None:
        desired = ceil(cap.demand * HEADROOM)
        request = Request(
            service_code=quota.request.service, quota_code=quota.request.code, desired_value=desired, region=region
        )
    return QuotaFinding(
        name=cap.dimension,
        need=ceil(cap.demand),
        have=int(have),
        unit=quota.unit,
        origin=origin,
        result=result,
        formula=cap.formula,
        fix=_fix(cap, quota, request, denied=denied, short=cap.demand > have, known=known),
        request=request,
    )


def _fix(cap: Cap, quota: catalogue.Quota, request: Request | None, *, denied: bool, short: bool, known: bool) -> str:
    if denied:
        assert request is not None
        return f"the stack file says that {cap.limit:,.0f} were granted, AWS does not: {request.command}"
    if short and request is not None:
        return f"{request.command}; once granted, note it as quotas.{cap.dimension}"
    if short and quota.adjustable:
        wanted = ceil(cap.demand * HEADROOM)
        return f"ask AWS support for {wanted:,} {quota.unit}; once granted, note it as quotas.{cap.dimension}"
    if short:
        return f"{cap.remedy}: lower the peak or move a cell to another account"
    if known:
        return ""
    if quota.request is None:
        return "Service Quotas does not list it: note what AWS support confirms below quotas"
    return "allow servicequotas:GetServiceQuota, or note what was granted below quotas"
