"""A small audit with every kind of answer, and names that attack whoever prints them."""

from typing import Any

from operations.audit.result import (
    AcceptedException,
    Answer,
    Approval,
    Attestation,
    Audit,
    Calls,
    ClauseEntry,
    ControlEntry,
    Mapped,
    Observed,
    Place,
    Population,
    Reconciled,
    Recovery,
    RecoveryStep,
    RefusedException,
    ResourceRef,
    Scope,
    Tool,
)
from policies.catalogue import controls
from policies.control import Framework, Status, Strength

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    '=HYPERLINK("http://evil","x")',
    "+cmd|' /C calc'!A0",
    "@SUM(1)",
    "-2+3",
    "\x1b[2J\x1b]0;title\x07",
    "a\r\nb\tc",
    "| pipe | `tick` [link](javascript:alert(1))",
    "]]>&amp;<!--",
    "\u202egnp.exe",
    "😀",
)
"""Names that are code to a browser, a spreadsheet, a terminal, Markdown or XML."""

DIGEST = "ab" * 32


def entries() -> tuple[ControlEntry, ...]:
    """The whole catalogue as an audit lists it."""
    return tuple(
        ControlEntry(
            id=control.id,
            title=control.title,
            severity=control.severity,
            maps_to=tuple(
                Mapped(framework=one.framework, criterion=one.criterion, strength=one.strength)
                for one in control.maps_to
            ),
            risk=control.risk,
            remediation=control.remediation,
            clauses=tuple(
                ClauseEntry(name=one.check.__name__, question=one.check.__name__.replace("_", " "))
                for one in control.clauses
            ),
        )
        for control in controls()
    )


def answer(status: Status, name: str = "payments", **given: Any) -> Answer:
    """One answer; state and live agree unless said otherwise."""
    control, clause = given.pop("of", ("KEY-03", "rotates_within_a_year"))
    reason = given.pop("reason", "" if status is Status.PASS else f"enableKeyRotation of {name} is not true")
    places = given.pop("places", {Place.STATE: status, Place.LIVE: status})
    about: dict[str, Any] = {
        "control": control,
        "clause": clause,
        "stack": "eu-west-1",
        "resource": ResourceRef(
            type="aws:kms/key:Key",
            name=name,
            id=f"id-{name}",
            account="123456789012",
            region="eu-west-1",
            urn=f"urn:pulumi:eu-west-1::payment-cell::aws:kms/key:Key::{name}",
        ),
        "status": status,
        "reason": reason,
        "reconciled": Reconciled.AGREES,
        "observed": tuple(
            Observed(place=place, status=said, reason="" if said is Status.PASS else reason, evidence=(1, 2))
            for place, said in places.items()
        ),
    }
    return Answer(**{**about, **given})


def recovery(**given: Any) -> Recovery:
    """A switchover that supports both criteria."""
    about: dict[str, Any] = {
        "id": "switchover-20261120T060000Z-abcdef",
        "what": "switchover",
        "origin": "eu-west-1",
        "target": "eu-west-1-replica",
        "started": "2026-11-20T06:00:00Z",
        "ended": "2026-11-20T06:02:00Z",
        "outcome": "done",
        "found": "data loss was not accepted, 0 payments were named as missing",
        "by": "arn:aws:iam::123456789012:user/ada",
        "approved_by": ("arn:aws:iam::123456789012:user/grace",),
        "steps": (RecoveryStep(name="fence", state="done", seconds=11.0),),
        "file": ".recovery/switchover-20261120T060000Z-abcdef/timeline.json",
        "sha256": DIGEST,
        "emulated": True,
        "maps_to": tuple(
            Mapped(framework=Framework.SOC2, criterion=name, strength=Strength.SUPPORTS) for name in ("A1.2", "A1.3")
        ),
    }
    return Recovery(**{**about, **given})


def audit(**given: Any) -> Audit:
    """All answers, an accepted failure, drift, an unmanaged and a missing resource, and each hostile name failing."""
    accepted = AcceptedException(
        id="EX-1",
        control="KEY-03",
        resource="urn:pulumi:eu-west-1::payment-cell::aws:kms/key:Key::accepted",
        reason="imported material cannot rotate",
        requester="ada@example.com",
        ticket="SEC-12",
        compensating_control="yearly manual rotation",
        granted="2026-11-01T00:00:00Z",
        expires="2026-12-31T00:00:00Z",
        digest=DIGEST,
        approvals=(Approval(approver="grace@example.com", role="security", key=DIGEST, signed="2026-11-01T00:00:00Z"),),
    )
    drift = {Place.STATE: Status.PASS, Place.LIVE: Status.FAIL}
    about: dict[str, Any] = {
        "id": "20261129T060000Z-eu-west-1",
        "started": "2026-11-29T06:00:00Z",
        "ended": "2026-11-29T06:01:30Z",
        "scope": Scope(
            stacks=("eu-west-1",),
            accounts=("123456789012",),
            regions=("eu-west-1", "eu-central-1"),
            places=(Place.STATE, Place.LIVE),
            controls=tuple(control.id for control in controls()),
            caller="arn:aws:sts::123456789012:assumed-role/auditor/ada",
            endpoint="http://127.0.0.1:5000",
            emulated=True,
        ),
        "tool": Tool(
            version="0.1.0", commit="c" * 40, catalogue=DIGEST, lock=DIGEST, packs=DIGEST, states={"eu-west-1": DIGEST}
        ),
        "thresholds": {"KEY-03.MAX_ROTATION_DAYS": 365, "LOG-06.MIN_DAYS": 365},
        "controls": entries(),
        "answers": (
            answer(Status.PASS),
            answer(Status.PASS, "cluster", of=("LOG-04", "cluster_sends_all_logs")),
            answer(Status.FAIL, "accepted", exception="EX-1"),
            answer(Status.FAIL, "drifted", reconciled=Reconciled.DRIFTED, places=drift),
            answer(
                Status.FAIL, "unmanaged", reconciled=Reconciled.UNMANAGED, stack="", places={Place.LIVE: Status.FAIL}
            ),
            answer(
                Status.FAIL,
                "sg",
                of=("NET-01", "opens_nothing_to_the_world"),
                reason="port 22 is open to 0.0.0.0/0",
            ),
            answer(
                Status.NOT_OBSERVED,
                "gone",
                reconciled=Reconciled.MISSING,
                places={Place.STATE: Status.PASS, Place.LIVE: Status.NOT_OBSERVED},
            ),
            answer(
                Status.NOT_OBSERVED,
                "denied",
                reason="kms:GetKeyRotationStatus: AccessDenied",
                reconciled=Reconciled.NOT_OBSERVED,
                places={Place.STATE: Status.PASS, Place.LIVE: Status.NOT_OBSERVED},
            ),
            answer(
                Status.UNDETERMINED,
                "unknown",
                reconciled=Reconciled.UNDETERMINED,
                places={Place.PREVIEW: Status.UNDETERMINED, Place.LIVE: Status.PASS},
            ),
            answer(Status.NOT_APPLICABLE, "asymmetric", reason="KMS rotates symmetric keys only"),
            *(answer(Status.FAIL, name, stack="", reconciled=Reconciled.UNMANAGED) for name in HOSTILE),
        ),
        "populations": (
            Population(
                type="aws:kms/key:Key",
                account="123456789012",
                region="eu-west-1",
                listed=9,
                source="kms:ListKeys",
                owned_by_aws=2,
                second_source="tag:GetResources",
                second=7,
                evidence=(1,),
            ),
            Population(
                type="aws:kms/key:Key",
                account="123456789012",
                region="eu-central-1",
                listed=None,
                source="kms:ListKeys",
                reason="AccessDenied",
            ),
        ),
        "exceptions": (accepted,),
        "refused_exceptions": (
            RefusedException(file="exceptions/eu-west-1.yaml", line=12, id="EX-2", problem="expired on 2026-10-01"),
        ),
        "attestations": (
            Attestation(
                file="attestations/access-review.yaml",
                control="IAM-08",
                statement="access was reviewed",
                performer="ada@example.com",
                reviewer="grace@example.com",
                period_from="2026-01-01",
                period_to="2026-06-30",
                valid_until="2026-09-30",
                population="41 identities",
                sample="all",
                artefact="access-review.csv",
                artefact_sha256=DIGEST,
                accepted=False,
                problem="valid until 2026-09-30",
            ),
        ),
        "calls": Calls(
            by_operation={"kms:ListKeys": 2, "kms:DescribeKey": 9}, throttled=1, denied={"kms:GetKeyRotationStatus": 1}
        ),
    }
    return Audit(**{**about, **given})
