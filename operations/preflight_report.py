"""What a preflight says: one answer a check, and what that means for the shell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from operations.errors import ExitCode

if TYPE_CHECKING:
    from operations.preflight_quotas import QuotaFinding

_GRAVEST_FIRST = (ExitCode.AUTHENTICATION, ExitCode.ERROR, ExitCode.CONFIGURATION, ExitCode.RESOURCE)


class Answer(StrEnum):
    """Of a check. NOT_OBSERVED is neither: it could not be asked, or nobody can know yet."""

    OK = "ok"
    FAILED = "failed"
    NOT_OBSERVED = "not observed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One check's answer."""

    check: str
    result: Answer
    found: str
    fix: str = ""
    """What to do where it is not ok."""
    code: ExitCode = ExitCode.CONFIGURATION
    """What the command answers where it failed."""


def ok(check: str, found: str) -> Finding:
    """As it has to be."""
    return Finding(check=check, result=Answer.OK, found=found)


def failed(check: str, found: str, fix: str, code: ExitCode = ExitCode.CONFIGURATION) -> Finding:
    """The cell would not come up, or not as it has to be."""
    return Finding(check=check, result=Answer.FAILED, found=found, fix=fix, code=code)


def not_observed(check: str, found: str, fix: str) -> Finding:
    """Unknown: never taken for ok."""
    return Finding(check=check, result=Answer.NOT_OBSERVED, found=found, fix=fix)


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """All that was found before anything is created."""

    stack: str
    account_id: str
    region: str
    emulated: bool
    """The endpoint is not AWS: what it answers is the emulator's."""
    findings: Sequence[Finding]
    quotas: Sequence[QuotaFinding]

    @property
    def code(self) -> ExitCode:
        """OK unless a check failed; then the gravest one's. A quota that is too small is a matter of resources."""
        codes = {finding.code for finding in self.findings if finding.result is Answer.FAILED}
        if any(quota.result is Answer.FAILED for quota in self.quotas):
            codes.add(ExitCode.RESOURCE)
        return next((code for code in _GRAVEST_FIRST if code in codes), ExitCode.OK)

    def count(self, answer: Answer) -> int:
        """Checks and quotas with this answer."""
        results = [finding.result for finding in self.findings] + [quota.result for quota in self.quotas]
        return results.count(answer)

    def advice(self, answer: Answer) -> list[str]:
        """A line for each finding with this answer; quotas of which nothing is wrong but the source share one."""
        lines = [
            f"{finding.check}: {finding.found}; {finding.fix}" for finding in self.findings if finding.result is answer
        ]
        unknown: dict[str, list[str]] = {}
        for quota in self.quotas:
            if quota.result is not answer:
                continue
            if quota.need <= quota.have:
                unknown.setdefault(quota.fix, []).append(quota.name)
            else:
                numbers = f"{quota.need:,} needed, {quota.have:,} there ({quota.origin}), {quota.unit}"
                lines.append(f"quota {quota.name}: {numbers}; {quota.formula}; {quota.fix}")
        return lines + [
            f"quotas {', '.join(names)}: AWS did not tell, its defaults would do; {fix}"
            for fix, names in unknown.items()
        ]

    def data(self) -> dict[str, Any]:
        """For JSON and YAML."""
        return {
            "stack": self.stack,
            "account": self.account_id,
            "region": self.region,
            "emulated": self.emulated,
            "exitCode": int(self.code),
            "checks": [{"check": f.check, "result": f.result, "found": f.found, "fix": f.fix} for f in self.findings],
            "quotas": [_quota_data(quota) for quota in self.quotas],
        }


def _quota_data(quota: QuotaFinding) -> dict[str, Any]:
    data = {key: value for key, value in asdict(quota).items() if key != "request"}
    request = quota.request
    data["request"] = (
        None
        if request is None
        else {
            "serviceCode": request.service_code,
            "quotaCode": request.quota_code,
            "desiredValue": request.desired_value,
            "command": request.command,
        }
    )
    return data
