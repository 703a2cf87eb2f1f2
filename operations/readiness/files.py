"""Whether files and states say that the replica can take over: quotas, banks, configuration, drift, drills."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from operations.last_drill import last_drill
from operations.preflight_aws import NotObserved, ask
from operations.preflight_quotas import live_values, quota_finding
from operations.preflight_report import Answer as Asked
from operations.readiness.names import place
from operations.readiness.parity import differences, unknown
from operations.readiness.subject import Row, Subject
from operations.readiness.verdict import Verdict, judged, not_emulated, not_observed, not_ready, untold
from stacks.fleet import WORKLOADS_SUFFIX
from stacks.market_files import MARKETS, Markets
from stacks.plan import Cap

CERTIFICATE = "aws:acm/certificate:Certificate"
CERTIFICATE_DAYS = 30
"""ACM renews 60 days before the end (https://docs.aws.amazon.com/acm/latest/userguide/managed-renewal.html); with
half of that left the renewal has failed."""

DRIFT_DAYS = 7
DRILL_DAYS = 35
"""Restore tests run monthly (components/backups.py); four days are for the run."""

SHOWN = 20
"""Differences that a verdict names; the data has all."""


def parity(of: Subject, account: Sequence[Row]) -> Verdict:
    """All resources of both cells and of their workloads."""
    check, own, other = "parity", of.pair.primary, of.pair.replica
    for cell in of.pair.cells:
        for stack in (cell, cell + WORKLOADS_SUFFIX):
            if not of.states.get(stack):
                return not_ready(check, f"{stack} is not up", f"cell up {stack}")
    assert other.standby is not None
    left, right = of.rows(own.cell), of.rows(other.cell)
    places = place(own, own, left, left, account), place(other, own, right, left, account)
    found = differences(left, right, *places, other.region)
    wrong = unknown(found, other.standby.strategy)
    shown = [str(difference) for difference in wrong[:SHOWN]]
    if len(wrong) > SHOWN:
        shown.append(f"and {len(wrong) - SHOWN} more")
    text = f"{len(left)} resources and {len(right)}, {len(found)} differences, each with a reason"
    fix = "cell up both; what is meant to differ belongs in operations/readiness/allowed.py with its reason"
    return judged(check, shown, text, fix)


def shard_maps(of: Subject) -> Verdict:
    """Both cells place every account in the same shard."""
    check = "shard map"
    maps = {cell: of.outputs.get(cell, {}).get("shardMap") for cell in of.pair.cells}
    if missing := [cell for cell, text in maps.items() if not text]:
        return not_ready(check, f"{', '.join(missing)} publishes none", f"cell up {missing[0]}")
    one, two = (json.loads(str(text)) for text in maps.values())
    wrong = [] if one == two else [f"{' and '.join(maps)} differ"]
    return judged(check, wrong, f"the same {len(of.pair.shards)} shards", f"cell up {of.pair.replica.cell}")


def quotas(of: Subject, caps: Sequence[Cap]) -> Verdict:
    """The recovery region's quotas for the full size. `caps`: demands with the replica at its primary's size."""
    check, region = "quotas", of.pair.replica.region
    live = live_values(of.get("service-quotas", of.pair.replica.cell), [cap.dimension for cap in caps])
    found = [quota_finding(cap, live.get(cap.dimension), region, emulated=of.emulated) for cap in caps]
    failed = [quota for quota in found if quota.result is Asked.FAILED]
    wrong = [f"{q.name}: {q.need:,} needed at full size, {q.have:,} {q.unit} there ({q.origin})" for q in failed]
    if wrong:
        return not_ready(check, "; ".join(wrong), "; ".join(quota.fix for quota in failed))
    if unknown_ := [quota.name for quota in found if quota.result is Asked.NOT_OBSERVED]:
        text = f"AWS does not tell {', '.join(unknown_)} of {region}; its defaults would do"
        if of.emulated:
            return not_emulated(check, text)
        return not_observed(check, text, "note what was granted below quotas of the replica's file")
    return judged(check, [], f"{len(found)} quotas of {region} carry the full size", "")


def certificates(of: Subject) -> Verdict:
    """The cell's own name and the pair's, in both regions, issued and not about to end."""
    check, wrong, soonest = "certificates", list[str](), None
    wanted = {(plan.region, name) for plan in of.pair.cells.values() for name in (plan.domain, of.pair.domain)}
    stacks = (*of.pair.cells, of.pair.name)
    found = {(c["region"], c["domainName"]): c for stack in stacks for c in of.of(stack, CERTIFICATE)}
    wrong += [f"{name} has no certificate in {region}" for region, name in sorted(wanted - found.keys())]
    try:
        for (region, name), certificate in sorted(found.items()):
            acm, absent = of.clients.get("acm", region), {"ResourceNotFoundException"}
            answer = ask(acm.describe_certificate, absent=absent, CertificateArn=certificate["arn"])
            status = answer["Certificate"]["Status"] if answer else "gone"
            if answer is None or status != "ISSUED":
                wrong.append(f"{name} in {region} is {status}")
                continue
            days = (answer["Certificate"]["NotAfter"] - of.now) / timedelta(days=1)
            soonest = days if soonest is None else min(soonest, days)
            if days <= CERTIFICATE_DAYS:
                wrong.append(f"{name} in {region} ends in {days:.0f} days")
    except NotObserved as reason:
        return untold(check, reason, "allow acm:DescribeCertificate in both regions", emulated=of.emulated)
    text = f"{len(found)} issued, the first ends in {soonest or 0:.0f} days, the bound is {CERTIFICATE_DAYS}"
    fix = f"cell up {of.pair.name}; look at validation records and renewal (https://docs.aws.amazon.com/acm/)"
    return judged(check, wrong, text, fix)


def drift(of: Subject, history: Mapping[str, Sequence[Mapping[str, Any]]]) -> Verdict:
    """Each stack was compared with its account within a week, and nothing differed then."""
    check, wrong = "drift", list[str]()
    for stack, entries in history.items():
        last = next((e for e in entries if e["kind"] == "refresh" and e["result"] == "succeeded"), None)
        if last is None:
            wrong.append(f"{stack} was never refreshed")
            continue
        age = of.now - datetime.fromisoformat(last["endTime"])
        if age > timedelta(days=DRIFT_DAYS):
            wrong.append(f"{stack} was refreshed {age.days} days ago, the bound is {DRIFT_DAYS}")
        changed = sum(count for op, count in (last.get("resourceChanges") or {}).items() if op != "same")
        later = any(e["kind"] == "update" and e["result"] == "succeeded" for e in entries[: entries.index(last)])
        if changed and not later:
            wrong.append(f"{changed} resources of {stack} had drifted")
    text = f"{len(history)} stacks compared within {DRIFT_DAYS} days"
    return judged(check, wrong, text, "cell refresh each, then cell up")


def drilled(of: Subject) -> Verdict:
    """A restore test of either cell, or a drill of ours, kept its objectives lately."""
    check = "last drill"
    rows = [row for cell in of.pair.cells for row in of.states.get(cell, ())]
    places = {cell: plan.region for cell, plan in of.pair.cells.items()}
    fix = f"cell drill {of.pair.primary.cell} --schedule, or a restore test by AWS Backup"
    try:
        last = last_drill(of.clients, rows, places)
    except NotObserved as reason:
        allow = "allow backup:ListRestoreJobs and ssm:GetParameter in both regions"
        return untold(check, reason, allow, emulated=of.emulated)
    if last is None and of.emulated:
        return not_emulated(check, "no restore test runs")
    if last is None:
        return not_ready(check, "there never was one", fix)
    days = (of.now - last.at).days
    wrong = [f"{days} days ago, the bound is {DRILL_DAYS}"] if of.now - last.at > timedelta(days=DRILL_DAYS) else []
    if not last.passed:
        wrong.append(f"it ended: {last.said}")
    return judged(check, wrong, f"{days} days ago, the bound is {DRILL_DAYS}: {last.said}", fix)


def banks(of: Subject, markets: Markets) -> Verdict:
    """Every bank of the primary's markets knows the replica's own addresses, those that are there now, and its client
    certificate. Whether the bank lets them in only the bank tells."""
    check, cell = "bank registrations", of.pair.replica.cell
    live = {str(address) for address in of.outputs.get(cell, {}).get("egressAddresses") or ()}
    if not live:
        return not_ready(check, f"{cell} has no output egressAddresses", f"cell up {cell}")
    wrong = []
    known = markets.registrations(cell, of=of.pair.primary.cell)
    for (market, bank), registration in known.items():
        if registration is None:
            wrong.append(f"{bank} ({market}) does not know {cell}")
            continue
        if unknown_ := sorted(live - set(registration.addresses)):
            wrong.append(f"{bank} ({market}) does not know {', '.join(unknown_)}")
        if registration.certificate is None:
            wrong.append(f"{bank} ({market}): no certificate is registered")
    if not known:
        wrong.append(f"{of.pair.primary.cell} serves no market")
    text = f"{len(known)} banks know {', '.join(sorted(live))}"
    fix = f"have the banks add them, then note it below registrations.{cell} in stacks/{MARKETS}/*.yaml"
    return judged(check, wrong, text, fix)
