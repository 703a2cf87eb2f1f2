"""Where Pulumi keeps the stacks' state, and what encrypts their secrets: fit for production or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from operations.preflight_aws import Clients, NotObserved, ask
from operations.preflight_report import Finding, failed, not_observed, ok

_LOG_IN = "pulumi login 's3://BUCKET?region=REGION' with a versioned, encrypted bucket of the cell's jurisdiction"
_CHANGE = "pulumi stack change-secrets-provider 'awskms://alias/NAME?region=REGION' --stack"
_ELSEWHERE = frozenset({"https", "http", "gs", "azblob"})
_OTHER_PROVIDERS = frozenset({"default", "gcpkms", "azurekeyvault", "hashivault"})
_BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def state_backend(clients: Clients, url: str, home_region: str, *, production: bool, emulated: bool) -> Finding:
    """Whether a disk that fails, a hand that slips or a stranger can take the state away or read it."""
    check, parts = "state", urlsplit(url)
    if parts.scheme == "s3":
        return _bucket(clients, url, home_region, production=production)
    if parts.scheme in _ELSEWHERE:
        fix = "see that it is versioned, encrypted and closed to the public"
        return not_observed(check, f"{parts.scheme}://{parts.hostname} is not looked into", fix)
    found = f"{url or 'no backend'}: on the disk of one machine"
    if not production:
        return ok(check, found)
    if emulated:
        return not_observed(check, f"emulated: {found}, which on AWS is refused for production", _LOG_IN)
    return failed(check, found, _LOG_IN)


def _bucket(clients: Clients, url: str, home_region: str, *, production: bool) -> Finding:
    """A bucket of the backend URL (https://www.pulumi.com/docs/iac/concepts/state-and-backends/#aws-s3)."""
    check, parts = "state", urlsplit(url)
    options = {key: values[0] for key, values in parse_qs(parts.query).items()}
    name = parts.netloc
    endpoint = options.get("endpoint")
    if endpoint is not None and "://" not in endpoint:
        endpoint = f"{'http' if options.get('disableSSL') == 'true' else 'https'}://{endpoint}"
    path_style = "true" in (options.get("s3ForcePathStyle"), options.get("use_path_style"))
    s3 = clients.special("s3", options.get("region", home_region), endpoint, path_style)
    try:
        gaps = _gaps(s3, name)
    except NotObserved as reason:
        fix = "allow s3:GetBucketVersioning, s3:GetEncryptionConfiguration and s3:GetBucketPublicAccessBlock on it"
        return not_observed(check, f"s3://{name}: {reason}", fix)
    if gaps is None:
        return failed(check, f"s3://{name} does not exist", f"create it, or {_LOG_IN}")
    if not gaps:
        return ok(check, f"s3://{name}: versioned, encrypted, closed to the public")
    fixes = "; ".join(f"aws s3api {command.replace('NAME', name)}" for command in gaps.values())
    found = f"s3://{name} is {', '.join(gaps)}"
    return failed(check, found, fixes) if production else ok(check, f"{found}; production needs: {fixes}")


def _gaps(s3: Any, name: str) -> Mapping[str, str] | None:
    """What the bucket lacks, with the command that mends it; None where there is no such bucket."""
    versioning = ask(s3.get_bucket_versioning, absent={"NoSuchBucket"}, Bucket=name)
    if versioning is None:
        return None
    gaps = {}
    if versioning.get("Status") != "Enabled":
        gaps["not versioned"] = "put-bucket-versioning --bucket NAME --versioning-configuration Status=Enabled"
    encryption = {"ServerSideEncryptionConfigurationNotFoundError"}
    if ask(s3.get_bucket_encryption, absent=encryption, Bucket=name) is None:
        rule = '{"Rules":[{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"aws:kms"}}]}'
        gaps["not encrypted"] = f"put-bucket-encryption --bucket NAME --server-side-encryption-configuration '{rule}'"
    answer = ask(s3.get_public_access_block, absent={"NoSuchPublicAccessBlockConfiguration"}, Bucket=name) or {}
    blocks = answer.get("PublicAccessBlockConfiguration", {})
    if not all(blocks.get(block) for block in _BLOCKS):
        wanted = ",".join(f"{block}=true" for block in _BLOCKS)
        gaps["open to public access"] = (
            f"put-public-access-block --bucket NAME --public-access-block-configuration {wanted}"
        )
    return gaps


def secrets_provider(
    clients: Clients | None,
    stack: str,
    provider: str | None,
    backend_url: str,
    home_region: str,
    *,
    production: bool,
    emulated: bool,
) -> Finding:
    """Whether the key that opens the stack's secrets is one that people cannot read aloud.

    ``provider``: as the stack file says; None is the backend's own: a passphrase for buckets and disks.
    """
    check = f"secrets of {stack}"
    kind = (provider or "").partition(":")[0]
    if kind == "awskms":
        assert provider is not None
        return _key(clients, check, provider, home_region)
    if kind in _OTHER_PROVIDERS or (provider is None and urlsplit(backend_url).scheme in ("http", "https")):
        return not_observed(
            check, f"{kind or 'the backend itself'} encrypts them", "see that its key cannot be exported"
        )
    found = "a passphrase encrypts them"
    if not production:
        return ok(check, found)
    if emulated:
        return not_observed(check, f"emulated: {found}, which on AWS is refused for production", f"{_CHANGE} {stack}")
    return failed(check, found, f"{_CHANGE} {stack}")


def _key(clients: Clients | None, check: str, provider: str, home_region: str) -> Finding:
    """``awskms://<alias, id or ARN>?region=`` (https://www.pulumi.com/docs/iac/concepts/secrets/#awskms)."""
    if clients is None:
        return not_observed(check, f"{provider}: not asked", "see credentials")
    parts = urlsplit(provider)
    key = (parts.netloc + parts.path).lstrip("/")
    in_arn = key.split(":")[3] if key.startswith("arn:") and key.count(":") >= 5 else None
    region = parse_qs(parts.query).get("region", [in_arn or home_region])[0]
    try:
        answer = ask(clients.get("kms", region).describe_key, absent={"NotFoundException"}, KeyId=key)
    except NotObserved as reason:
        return not_observed(check, f"{key}: {reason}", "allow kms:DescribeKey on it, and kms:Encrypt and kms:Decrypt")
    if answer is None:
        return failed(check, f"{key} does not exist in {region}", "correct secretsprovider in the stack file")
    state = answer["KeyMetadata"]["KeyState"]
    if state != "Enabled":
        return failed(
            check, f"{key} is {state}", "enable it, or cancel its deletion: the state cannot be opened without"
        )
    return ok(check, f"{key} in {region} is enabled")
