"""The provider's own inputs: the official plugin's names, checked and in Python form."""

import difflib
import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.aws.provider import schema
from sandbox.aws.provider.codec import unsecret
from sandbox.aws.provider.schema import Kind, Property
from sandbox.aws.provider.shapes import session
from sandbox.aws.provider.validate import Problem, problems

ENDPOINT_SERVICES = {
    "accessanalyzer": "accessanalyzer",
    "cloudwatchevents": "events",
    "cloudwatchlog": "logs",
    "cloudwatchlogs": "logs",
    "cloudwatchmetrics": "cloudwatch",
    "configservice": "config",
    "databasemigration": "dms",
    "elasticloadbalancing": "elb",
    "elasticloadbalancingv2": "elbv2",
    "elb": "elb",
    "elbv2": "elbv2",
    "eventbridge": "events",
    "recoveryreadiness": "route53-recovery-readiness",
    "recoverycontrolconfig": "route53-recovery-control-config",
    "resourcegroupstagging": "resourcegroupstaggingapi",
    "servicequotas": "service-quotas",
    "sfn": "stepfunctions",
}
"""Names of ``endpoints`` that differ from botocore's service names (pulumi-aws, provider argument ``endpoints``)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderConfig:
    """One configured provider. Durations in seconds."""

    region: str = ""
    access_key: str = ""
    secret_key: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    profile: str = ""
    endpoints: Mapping[str, str] = field(default_factory=dict)
    assume_roles: tuple[Mapping[str, Any], ...] = ()
    web_identity: Mapping[str, Any] = field(default_factory=dict)
    default_tags: Mapping[str, str] = field(default_factory=dict)
    ignore_tags: frozenset[str] = frozenset()
    ignore_tag_prefixes: tuple[str, ...] = ()
    allowed_account_ids: frozenset[str] = frozenset()
    forbidden_account_ids: frozenset[str] = frozenset()
    max_attempts: int = 10
    retry_mode: str = "standard"
    s3_path_style: bool = False
    insecure: bool = False
    ca_bundle: str = ""
    dualstack: bool = False
    fips: bool = False
    sts_region: str = ""
    skip_credentials: bool = False
    skip_account_id: bool = False
    skip_region: bool = False
    proxies: Mapping[str, str] = field(default_factory=dict)

    def tags_for(self, tags: Mapping[str, str] | None) -> dict[str, str]:
        """A resource's own tags over the default ones, without the ignored."""
        return self.visible({**self.default_tags, **(tags or {})})

    def visible(self, tags: Mapping[str, str]) -> dict[str, str]:
        """Tags without those that AWS reserves or that ``ignoreTags`` names."""
        hidden = ("aws:", *self.ignore_tag_prefixes)
        return {k: v for k, v in tags.items() if k not in self.ignore_tags and not k.startswith(hidden)}


def check(values: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with the arguments of a provider, as they come from the engine."""
    types = schema.provider()
    found = problems(types, parsed(values, types))
    region = unsecret(values.get("region"))
    if isinstance(region, str) and values.get("skipRegionValidation") not in (True, "true") and region not in regions():
        close = difflib.get_close_matches(region, regions(), 1)
        hint = f"; did you mean {close[0]}?" if close else ""
        found.append(Problem("region", f"invalid AWS Region: {region}{hint}"))
    return found


@functools.cache
def regions() -> Mapping[str, str]:
    """Regions that botocore knows, with their names: ``eu-west-1`` -> ``Europe (Ireland)``."""
    data = session().get_component("data_loader").load_data("endpoints")
    return {code: info["description"] for part in data["partitions"] for code, info in part["regions"].items()}


def parsed(values: Mapping[str, Any], types: Mapping[str, Property]) -> dict[str, Any]:
    """Provider arguments travel as strings, structured ones as JSON: here they are values."""
    return {name: _parse(types[name].type.kind, value) if name in types else value for name, value in values.items()}


def _parse(kind: Kind, value: Any) -> Any:
    plain = unsecret(value)
    if kind is Kind.STRING or not isinstance(plain, str):
        return plain
    try:
        return json.loads(plain)
    except ValueError:
        return plain


def load(values: Mapping[str, Any], environment: Mapping[str, str]) -> ProviderConfig:
    """The configuration from checked arguments; region falls back to AWS_REGION and AWS_DEFAULT_REGION as in every
    AWS tool.
    """
    args = parsed({k: v for k, v in values.items() if v is not None}, schema.provider())
    ignore = args.get("ignoreTags") or {}
    return ProviderConfig(
        region=args.get("region") or environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION", ""),
        access_key=args.get("accessKey", ""),
        secret_key=args.get("secretKey", ""),
        token=args.get("token", ""),
        profile=args.get("profile", ""),
        endpoints=_endpoints(args.get("endpoints") or []),
        assume_roles=tuple(args.get("assumeRoles") or ()),
        web_identity=args.get("assumeRoleWithWebIdentity") or {},
        default_tags=(args.get("defaultTags") or {}).get("tags") or {},
        ignore_tags=frozenset(ignore.get("keys") or ()),
        ignore_tag_prefixes=tuple(ignore.get("keyPrefixes") or ()),
        allowed_account_ids=frozenset(args.get("allowedAccountIds") or ()),
        forbidden_account_ids=frozenset(args.get("forbiddenAccountIds") or ()),
        max_attempts=int(args.get("maxRetries") or 10),
        retry_mode=args.get("retryMode") or "standard",
        s3_path_style=bool(args.get("s3UsePathStyle")),
        insecure=bool(args.get("insecure")),
        ca_bundle=args.get("customCaBundle", ""),
        dualstack=bool(args.get("useDualstackEndpoint")),
        fips=bool(args.get("useFipsEndpoint")),
        sts_region=args.get("stsRegion", ""),
        skip_credentials=bool(args.get("skipCredentialsValidation")),
        skip_account_id=bool(args.get("skipRequestingAccountId")),
        skip_region=bool(args.get("skipRegionValidation")),
        proxies={
            scheme: args[name] for scheme, name in (("http", "httpProxy"), ("https", "httpsProxy")) if args.get(name)
        },
    )


def _endpoints(maps: list[Mapping[str, str]]) -> dict[str, str]:
    return {ENDPOINT_SERVICES.get(name, name): url for each in maps for name, url in each.items() if url}
