"""Regions that do not answer, or answer that they cannot: what the data plane's faults mean for the AWS API."""

from collections.abc import Callable, Mapping
from typing import Any

from moto.s3.models import s3_backends
from waitress.channel import ClientDisconnected

from sandbox.aws.errors import Unavailable
from sandbox.aws.iam.requests import Credential, read
from sandbox.aws.planes import is_data, is_global
from sandbox.regions import OWN_HEADER, RegionFault, Regions

REGIONS = Regions()
"""What the data plane told last."""

PARTITION = "aws"

_listeners: list[Callable[[], None]] = []
_OWN = f"HTTP_{OWN_HEADER.upper().replace('-', '_')}"


class NoAnswer(ClientDisconnected):  # type: ignore[misc]
    """The connection ends without a word, as that of an endpoint that is not there."""


def when_changed(do: Callable[[], None]) -> None:
    """Have `do` called after each change."""
    _listeners.append(do)


def told(faults: list[Any]) -> None:
    """The data plane tells all faults that there are now."""
    REGIONS.read(faults)
    for do in _listeners:
        do()


def suffer(environ: dict[str, Any], who: Credential, home: str) -> None:
    """Raises NoAnswer where nobody is there to answer, Unavailable where AWS says that it cannot. home: the region of
    the pod that asks; empty for whoever stands outside of all regions. The data plane itself goes on."""
    if not REGIONS.faults or _OWN in environ or is_global(who.service, who.region):
        return
    bucket = _bucket_region(environ) if who.service == "s3" else ""
    for region in {who.region, bucket or who.region}:
        if REGIONS.has(region, RegionFault.DEAD) or (home and REGIONS.apart(home, region)):
            raise NoAnswer
        if REGIONS.has(region, RegionFault.CONTROL_PLANE_DEAD) and not _is_data(environ, who):
            raise Unavailable(f"the control plane of {region} is out of order")


def _is_data(environ: dict[str, Any], who: Credential) -> bool:
    try:
        return is_data(who.service, read(environ, who, "").operation)
    except LookupError:
        return False


def _bucket_region(environ: Mapping[str, Any]) -> str:
    """Of the bucket that a path names: it is where it is, whatever region was signed for. Empty for no bucket."""
    host = environ.get("HTTP_HOST", "").rpartition(":")[0]
    name = host.removesuffix(".localhost") if host.endswith(".localhost") else environ["PATH_INFO"].split("/")[1]
    _, account = s3_backends.bucket_accounts.get(name, ("", ""))
    bucket = s3_backends[account][PARTITION].buckets.get(name) if account else None
    return str(bucket.region_name) if bucket else ""
