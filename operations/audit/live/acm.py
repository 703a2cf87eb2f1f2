"""ACM: certificates."""

from collections.abc import Iterator

from operations.audit.live.question import Question
from operations.audit.live.reader import Live, Reader
from operations.audit.live.region import Region
from operations.audit.live.words import picked

LIST = Question(
    service="acm",
    operation="list_certificates",
    keep=tuple(
        f"CertificateSummaryList.{name}" for name in ("CertificateArn", "DomainName", "Status", "Type", "KeyAlgorithm")
    ),
    items="CertificateSummaryList",
)

ALL_KEYS = {
    "keyTypes": [
        *("RSA_1024", "RSA_2048", "RSA_3072", "RSA_4096"),
        *("EC_prime256v1", "EC_secp384r1", "EC_secp521r1"),
    ]
}
"""Without this only keys of RSA_2048 are listed
(https://docs.aws.amazon.com/acm/latest/APIReference/API_ListCertificates.html)."""


def certificates(region: Region) -> Iterator[Live]:
    """Certificates."""
    for raw in region.pages(LIST, Includes=ALL_KEYS):
        yield Live(
            id=raw["CertificateArn"],
            name=raw.get("DomainName", ""),
            props=picked(
                raw,
                arn="CertificateArn",
                domainName="DomainName",
                status="Status",
                type="Type",
                keyAlgorithm="KeyAlgorithm",
            ),
        )


Reader(type="aws:acm/certificate:Certificate", read=certificates, source=LIST)
