"""boto3 clients of one configured provider, made once for each service and region and shared by all operations.

Making a client costs about 100 ms the first time a service's description is read and 10 ms later (measured on 2
cores), so all credential sets share one loader. Clients are safe to share between threads, making them is not: that
happens under a lock.
"""

import functools
import os
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.credentials import (
    Credentials,
    DeferredRefreshableCredentials,
    create_assume_role_refresher,
)

from sandbox.aws.provider.config import ProviderConfig
from sandbox.aws.provider.shapes import session as shared_session

POOL_CONNECTIONS = 64
"""Connections kept to one endpoint: as many as operations that run at once."""

STS_ATTEMPTS = 4
"""Attempts to learn whose credentials these are: about 4 s of pauses at most."""


class CredentialError(Exception):
    """AWS refused the provider's credentials, or the account is not one it may touch."""


class ClientPool:
    """Clients of one provider configuration, by service and region."""

    def __init__(self, config: ProviderConfig) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, str], Any] = {}
        self._session = self._open_session()

    def client(self, service: str, region: str) -> Any:
        """The client of a service in a region."""
        key = (service, region)
        found = self._clients.get(key)
        if found is None:
            with self._lock:
                found = self._clients.get(key) or self._clients.setdefault(key, self._make(self._session, *key))
        return found

    @functools.cached_property
    def account_id(self) -> str:
        """Account of the credentials, asked from STS once; checked against the allowed and forbidden ids."""
        if self._config.skip_account_id:
            return ""
        region = self._config.sts_region or self._config.region
        try:
            account = str(self.client("sts", region).get_caller_identity()["Account"])
        except Exception as error:
            raise CredentialError(
                f"validating provider credentials: retrieving caller identity from STS: {error}"
            ) from error
        allowed = self._config.allowed_account_ids
        if (allowed and account not in allowed) or account in self._config.forbidden_account_ids:
            raise CredentialError(f"AWS account ID not allowed: {account}")
        return account

    @property
    def partition(self) -> str:
        """``aws``, ``aws-cn`` or ``aws-us-gov``."""
        return str(shared_session().get_partition_for_region(self._config.region))

    def _make(self, session: botocore.session.Session, service: str, region: str) -> Any:
        config = self._config
        # The first call of all: when nothing answers there, that should be said at once.
        attempts = min(config.max_attempts, STS_ATTEMPTS) if service == "sts" else config.max_attempts
        retries: Any = {"mode": config.retry_mode, "total_max_attempts": attempts}
        s3: Any = {"addressing_style": "path"} if config.s3_path_style or _loopback(self._endpoint(service)) else {}
        client = session.create_client(
            service,
            region_name=region,
            endpoint_url=config.endpoints.get(service),
            verify=False if config.insecure else (config.ca_bundle or None),
            config=Config(
                retries=retries,
                max_pool_connections=POOL_CONNECTIONS,
                connect_timeout=10,
                read_timeout=120,
                s3=s3,
                proxies=dict(config.proxies) or None,
                use_dualstack_endpoint=config.dualstack or None,
                use_fips_endpoint=config.fips or None,
                user_agent_extra="payment-cell-sandbox",
            ),
        )
        if service == "s3control" and _loopback(self._endpoint(service)):
            # botocore puts the account before the host, and 123456789012.127.0.0.1 is no address.
            client.meta.events.register(
                "before-sign.s3-control",
                lambda request, **_: setattr(request, "url", re.sub(r"//\d{12}\.", "//", request.url)),
            )
        return client

    def _endpoint(self, service: str) -> str:
        return self._config.endpoints.get(service) or os.environ.get("AWS_ENDPOINT_URL", "")

    def _open_session(self) -> botocore.session.Session:
        config = self._config
        session = _session(config.profile)
        if config.access_key:
            _set(session, Credentials(config.access_key, config.secret_key, config.token or None))
        if config.web_identity:
            session = self._web_identity(session)
        for role in config.assume_roles:
            session = self._assume(session, role)
        return session

    def _assume(self, session: botocore.session.Session, role: Mapping[str, Any]) -> botocore.session.Session:
        """A session with the role's credentials, renewed before they expire."""
        sts = self._make(session, "sts", self._config.sts_region or self._config.region)
        refresh = create_assume_role_refresher(sts, _assume_parameters(role))
        assumed = _session("")
        _set(assumed, DeferredRefreshableCredentials(refresh_using=refresh, method="sts-assume-role"))
        return assumed

    def _web_identity(self, session: botocore.session.Session) -> botocore.session.Session:
        given = self._config.web_identity
        token = given.get("webIdentityToken") or Path(given["webIdentityTokenFile"]).read_text(encoding="utf-8")
        sts = self._make(session, "sts", self._config.sts_region or self._config.region)
        found = sts.assume_role_with_web_identity(
            RoleArn=given["roleArn"], RoleSessionName=given.get("sessionName", "pulumi"), WebIdentityToken=token.strip()
        )["Credentials"]
        assumed = _session("")
        _set(assumed, Credentials(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"]))
        return assumed


def _session(profile: str) -> botocore.session.Session:
    """A session with credentials of its own and the process's loader."""
    session = botocore.session.Session(profile=profile or None)
    session.register_component("data_loader", shared_session().get_component("data_loader"))
    return session


def _set(session: botocore.session.Session, credentials: Any) -> None:
    # botocore has no public way to hand a session refreshable credentials; boto3's own documentation of role
    # sessions does this.
    session._credentials = credentials  # type: ignore[attr-defined]


def _assume_parameters(role: Mapping[str, Any]) -> dict[str, Any]:
    """``assumeRoles`` item -> parameters of sts:AssumeRole; ``duration`` is a Go duration such as ``1h``."""
    named = {
        "RoleArn": role.get("roleArn"),
        "RoleSessionName": role.get("sessionName") or "pulumi",
        "ExternalId": role.get("externalId"),
        "Policy": role.get("policy"),
        "PolicyArns": [{"arn": arn} for arn in role.get("policyArns") or []],
        "Tags": [{"Key": key, "Value": value} for key, value in (role.get("tags") or {}).items()],
        "TransitiveTagKeys": role.get("transitiveTagKeys"),
        "SourceIdentity": role.get("sourceIdentity"),
        "DurationSeconds": duration_s(role["duration"]) if role.get("duration") else None,
    }
    return {name: value for name, value in named.items() if value}


def duration_s(text: str) -> int:
    """Seconds of a Go duration: ``1h30m``, ``15m``, ``3600s``."""
    units = {"h": 3600, "m": 60, "s": 1}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)([hms])", text))


def _loopback(url: str) -> bool:
    """Bucket names are no host names on a loopback endpoint."""
    return "//127.0.0.1" in url or "//localhost" in url
