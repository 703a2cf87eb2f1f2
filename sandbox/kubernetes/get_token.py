"""The `aws` of the sandbox: answers `aws eks get-token`, which every EKS kubeconfig runs, and nothing else.

Prints a client.authentication.k8s.io ExecCredential. Environment and configuration are those of the AWS SDK.
"""

import argparse
import base64
import json
import os
import sys
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

from sandbox.kubernetes.token import CLUSTER_HEADER, PREFIX

PRESIGNED_S = 60
"""X-Amz-Expires as the AWS CLI sets it; EKS takes the token for 15 minutes all the same."""

TOKEN_S = 14 * 60
"""Lifetime that the AWS CLI states: a minute less than EKS accepts."""

VERSION = "client.authentication.k8s.io/v1beta1"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        print(f"aws: {message}; the sandbox's aws serves only `aws eks get-token --cluster-name NAME`", file=sys.stderr)
        raise SystemExit(252)


def _arguments(argv: list[str]) -> argparse.Namespace:
    shared = _Parser(add_help=False)
    shared.add_argument("--region", default=argparse.SUPPRESS)
    shared.add_argument("--output", choices=("json",), default=argparse.SUPPRESS)
    parser = _Parser(prog="aws", add_help=False, allow_abbrev=False, parents=[shared])
    services = parser.add_subparsers(dest="service", required=True, parser_class=_Parser)
    eks = services.add_parser("eks", add_help=False, parents=[shared], allow_abbrev=False)
    commands = eks.add_subparsers(dest="command", required=True, parser_class=_Parser)
    get_token = commands.add_parser("get-token", add_help=False, parents=[shared], allow_abbrev=False)
    named = get_token.add_mutually_exclusive_group(required=True)
    named.add_argument("--cluster-name", dest="cluster")
    named.add_argument("--cluster-id", dest="cluster")
    get_token.add_argument("--role-arn")
    return parser.parse_args(argv)


def token(credentials: Credentials, region: str, cluster: str) -> str:
    """A token for one cluster, valid for 15 minutes."""
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    url = f"https://sts.{region}.{domain}/?Action=GetCallerIdentity&Version=2011-06-15"
    request = AWSRequest(method="GET", url=url, headers={CLUSTER_HEADER: cluster})
    SigV4QueryAuth(credentials, "sts", region, expires=PRESIGNED_S).add_auth(request)
    return PREFIX + base64.urlsafe_b64encode(str(request.url).encode()).decode().rstrip("=")


def _assumed(session: Session, role_arn: str, region: str) -> Credentials:
    sts: Any = session.create_client("sts", region_name=region)
    made = sts.assume_role(RoleArn=role_arn, RoleSessionName="EKSGetTokenAuth")["Credentials"]
    return Credentials(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])


def main(argv: list[str]) -> int:
    """Exit status: 0, or 255 with a message on stderr when there are no credentials or no region."""
    arguments = _arguments(argv)
    session = Session()
    region = getattr(arguments, "region", None) or os.environ.get("AWS_REGION") or session.get_config_variable("region")
    if not region:
        print("aws: no region; give --region or set AWS_REGION", file=sys.stderr)
        return 255
    try:
        credentials = _assumed(session, arguments.role_arn, region) if arguments.role_arn else session.get_credentials()
    except (BotoCoreError, ClientError) as error:
        print(f"aws: {error}", file=sys.stderr)
        return 255
    if credentials is None:
        print('aws: no AWS credentials; in the sandbox run eval "$(python -m sandbox env)"', file=sys.stderr)
        return 255
    expires = datetime.now(UTC) + timedelta(seconds=TOKEN_S)
    status = {
        "expirationTimestamp": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "token": token(credentials, region, arguments.cluster),
    }
    print(json.dumps({"kind": "ExecCredential", "apiVersion": VERSION, "spec": {}, "status": status}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
