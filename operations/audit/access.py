"""Into the accounts of an audit: with which credentials, through which clients, and which regions they have."""

import re
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from operations.audit.live.collect import THREADS
from operations.audit.live.question import Question
from operations.audit.live.region import ATTEMPTS, UNUSABLE, Recorder, Region, note_body, why
from operations.errors import CellError, ExitCode
from operations.preflight_aws import CONNECT_TIMEOUT_S, error_code, is_emulated
from policies.resources import NotObservedError

READ_TIMEOUT_S = 30

IDENTITY = Question(service="sts", operation="get_caller_identity", keep=("Account", "Arn"))
REGIONS = Question(
    service="ec2", operation="describe_regions", keep=("Regions.RegionName", "Regions.OptInStatus"), items="Regions"
)


class Access:
    """One account, entered. Raises CellError (authentication) where it cannot be."""

    def __init__(self, home_region: str, recorder: Recorder, *, role: str = "", account: str = "") -> None:
        """``role``: name or ARN of the role to act as; "" acts with the machine's own credentials. ``account``: the
        account that this has to be, and in which a role's name is; "" takes the credentials' own."""
        self._recorder = recorder
        self._made: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()
        self.home_region = home_region
        try:
            self._session = _session(role, account, home_region)
            caller = self._client("sts", home_region).get_caller_identity()
            self.endpoint = str(self._client("sts", home_region).meta.endpoint_url)
            self.emulated = is_emulated(self._client("sts", home_region))
        except ClientError as error:
            raise CellError(f"{role or 'credentials'}: {error_code(error)}", ExitCode.AUTHENTICATION) from error
        except UNUSABLE as error:
            raise CellError(f"{why(error)}; see AWS_PROFILE and ~/.aws/config", ExitCode.AUTHENTICATION) from error
        self.account, self.caller = str(caller["Account"]), str(caller["Arn"])
        if account and self.account != account:
            fix = "use credentials of that account, or --role with a role there"
            raise CellError(f"the credentials are of {self.account}, not of {account}: {fix}", ExitCode.AUTHENTICATION)

    def region(self, name: str) -> Region:
        """Where readers ask."""
        return Region(account=self.account, name=name, caller=self.caller, recorder=self._recorder, client=self._client)

    def enabled_regions(self) -> Sequence[str]:
        """The home region first, then all others that the account has switched on. Raises NotObservedError."""
        home = self.region(self.home_region)
        home.ask(IDENTITY)
        names = [
            region["RegionName"]
            for region in home.pages(REGIONS)
            if region.get("OptInStatus", "opt-in-not-required") != "not-opted-in"
        ]
        return (self.home_region, *sorted({*names} - {self.home_region}))

    def _client(self, service: str, region: str) -> Any:
        with self._lock:
            if (service, region) not in self._made:
                config = Config(
                    connect_timeout=CONNECT_TIMEOUT_S,
                    read_timeout=READ_TIMEOUT_S,
                    retries={"total_max_attempts": ATTEMPTS, "mode": "adaptive"},
                    max_pool_connections=THREADS,
                )
                client = self._session.client(service, region_name=region, config=config)  # type: ignore[call-overload]
                client.meta.events.register("after-call", note_body)
                if is_emulated(client):
                    client.meta.events.register("before-sign.s3-control", _without_account)
                self._made[service, region] = client
            return self._made[service, region]


def _without_account(request: Any, **_: Any) -> None:
    """botocore puts the account before S3 Control's host, and 123456789012.127.0.0.1 is no address."""
    request.url = re.sub(r"//\d{12}\.", "//", request.url)


def _session(role: str, account: str, region: str) -> boto3.Session:
    own = boto3.Session()
    if not role:
        return own
    sts: Any = own.client("sts", region_name=region)
    if not role.startswith("arn:"):
        partition = own.get_partition_for_region(region)
        number = account or sts.get_caller_identity()["Account"]
        role = f"arn:{partition}:iam::{number}:role/{role}"
    given: Mapping[str, str] = sts.assume_role(RoleArn=role, RoleSessionName="cell-audit")["Credentials"]
    return boto3.Session(
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )


def reachable_regions(access: Access) -> tuple[Sequence[str], tuple[str, ...]]:
    """Enabled regions, and what to say where they could not be listed: then only the home region is asked."""
    try:
        return access.enabled_regions(), ()
    except NotObservedError as error:
        return (access.home_region,), (
            f"{access.account}: regions could not be listed ({error}); only the home region was",
        )
