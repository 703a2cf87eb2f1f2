"""ACM certificates that are issued when, and only when, their DNS validation records exist in a public hosted zone.

moto issues every certificate after a minute, and with an RSA key. https://docs.aws.amazon.com/acm/latest/userguide/dns-validation.html
"""

import hashlib
from typing import Any

from moto.acm import models, urls
from moto.acm.responses import AWSCertificateManagerResponse as MotoResponse
from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.route53.models import route53_backends

from sandbox.aws.extensions.wiring import replace_response


class Certificate(models.CertBundle):  # type: ignore[misc]
    _issued_at: Any = None
    key_algorithm: str | None = None
    """The requested one; the key itself is an RSA key in any case."""

    def check(self) -> None:
        """Look at the zones, as ACM does every few minutes; an issued certificate stays issued."""
        if self._not_valid_after(self._cert) <= utcnow():
            self.status = "EXPIRED"
        elif self.type == "AMAZON_ISSUED" and self.status == "PENDING_VALIDATION":
            self._validate()

    def _validate(self) -> None:
        if all(_exists(*_record(self.arn, domain)) for domain in self._domains()):
            self.status = "ISSUED"
            self._issued_at = utcnow()

    def describe(self) -> dict[str, Any]:
        described: dict[str, Any] = super().describe()
        certificate = described["Certificate"]
        # In a stable order: the domain first, then the alternative names as they were requested.
        certificate["SubjectAlternativeNames"] = self._domains()
        certificate["KeyAlgorithm"] = self.key_algorithm or certificate["KeyAlgorithm"]
        if self.type != "AMAZON_ISSUED":
            return described
        certificate["DomainValidationOptions"] = [self._option(domain) for domain in self._domains()]
        certificate["RenewalEligibility"] = "ELIGIBLE" if certificate["InUseBy"] else "INELIGIBLE"
        if self.status == "PENDING_VALIDATION":
            for name in ("IssuedAt", "NotBefore", "NotAfter", "Serial", "Issuer"):
                certificate.pop(name, None)
        elif self._issued_at:
            certificate["IssuedAt"] = self._issued_at.timestamp()
        return described

    def _domains(self) -> list[str]:
        return list(dict.fromkeys([str(self.common_name), *sorted(self.sans)]))

    def _option(self, domain: str) -> dict[str, Any]:
        name, value = _record(self.arn, domain)
        return {
            "DomainName": domain,
            "ValidationDomain": domain,
            "ValidationStatus": "SUCCESS" if self.status == "ISSUED" else self.status,
            "ValidationMethod": "DNS",
            "ResourceRecord": {"Name": name, "Type": "CNAME", "Value": value},
        }


def _record(arn: str, domain: str) -> tuple[str, str]:
    """Name and value of the CNAME. ACM derives them from account and domain: all certificates of a domain share them,
    and a wildcard shares them with its parent."""
    account, bare = arn.split(":")[4], domain.removeprefix("*.").lower()
    token = hashlib.sha256(f"{account}/{bare}".encode()).hexdigest()
    return f"_{token[:32]}.{bare}.", f"_{token[32:]}.sandbox.acm-validations.aws."


def _exists(name: str, value: str) -> bool:
    for _, _, backend in list(route53_backends.iter_backends()):
        for zone in list(backend.zones.values()):
            if zone.private_zone is True or not name.endswith("." + zone.name.rstrip(".").lower() + "."):
                continue
            for record in list(zone.rrsets):
                if record.type == "CNAME" and record.name.rstrip(".").lower() + "." == name:
                    return value.rstrip(".") in [str(found).rstrip(".") for found in record.records]
    return False


class CertificateManagerResponse(MotoResponse):  # type: ignore[misc]
    def request_certificate(self) -> ActionResult:
        answer = super().request_certificate()
        made = self.acm_backend.get_certificate(answer.result["CertificateArn"])
        made.key_algorithm = self._get_param("KeyAlgorithm")
        return answer


def install() -> None:
    models.CertBundle = Certificate
    replace_response(urls, MotoResponse, CertificateManagerResponse)
