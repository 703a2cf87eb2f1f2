"""The providers that stacks use: explicit ones, so that nothing is ever made in an account or region by accident."""

from __future__ import annotations

import os
from datetime import date
from urllib.parse import urlsplit

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

from components.vocabulary import OWN_IDENTITY, SYNTHETIC, Environment, TagKey
from stacks.models import AccountSettings


def aws_provider(
    stack: str,
    account: AccountSettings,
    region: str,
    environment: Environment,
    *,
    synthetic: bool,
    cell: str | None = None,
    expires: date | None = None,
) -> aws.Provider:
    """One provider a stack: it refuses another account than the configured one, assumes the account's deploy role where
    there is one and `OWN_IDENTITY` does not say otherwise, and puts the tags that are the same everywhere on every
    resource. Components name regions themselves.
    """
    constant = {TagKey.ENVIRONMENT.value: environment.value}
    if synthetic:
        constant[TagKey.DATA_ORIGIN.value] = SYNTHETIC
    if cell is not None:
        constant[TagKey.CELL.value] = cell
    if expires is not None:
        constant[TagKey.EXPIRES.value] = expires.isoformat()
    role_arn = assumed_role(account.deploy_role_arn)
    # A plain dictionary would reach the provider untranslated: the SDK turns this argument into JSON as it stands.
    role = aws.ProviderAssumeRoleArgs(role_arn=role_arn, session_name=f"payment-cell-{stack}")
    return aws.Provider(
        stack,
        region=region,
        allowed_account_ids=[account.account_id],
        assume_roles=[role] if role_arn else None,
        default_tags={"tags": constant},
    )


def assumed_role(deploy_role_arn: str | None) -> str | None:
    """The role that the providers assume: none for a caller that is its role already, such as a workflow's."""
    return None if OWN_IDENTITY in os.environ else deploy_role_arn


def kubernetes_provider(stack: str, cell: pulumi.StackReference, deploy_role_arn: str | None) -> kubernetes.Provider:
    """A provider for the cell's cluster.

    It is told apart from others by the cluster's ARN: the same cluster behind a tunnel keeps its objects. The cell's
    runner enters with its own role, everybody else as the account's deploy role.
    """
    return kubernetes.Provider(
        stack,
        kubeconfig=pulumi.Output.json_dumps(
            kubeconfig(
                name=cell.require_output("clusterName"),
                region=cell.require_output("region"),
                endpoint=cell.require_output("clusterEndpoint"),
                certificate_authority=cell.require_output("clusterCertificateAuthority"),
                role_arn=assumed_role(deploy_role_arn),
                tunnel=os.environ.get(TUNNEL_VARIABLE),
            ),
            sort_keys=True,
        ),
        cluster_identifier=cell.require_output("clusterArn"),
    )


TUNNEL_VARIABLE = "PAYMENT_CELL_TUNNEL"
"""Environment variable with `HOST:PORT` of a tunnel to the cluster's endpoint, set by `cell connect`. A way to the
cluster is no property of it, so it is not configuration: the next update may come from elsewhere."""


def kubeconfig(
    *,
    name: pulumi.Input[str],
    region: pulumi.Input[str],
    endpoint: pulumi.Input[str],
    certificate_authority: pulumi.Input[str],
    role_arn: str | None,
    tunnel: str | None = None,
) -> dict[str, object]:
    """A kubeconfig as `aws eks update-kubeconfig` writes it: it holds no secret, tokens are made on demand.

    Behind a `tunnel` (`HOST:PORT`) the server is the tunnel's near end; its certificate is still the endpoint's.
    """
    cluster: dict[str, object] = {"server": endpoint, "certificate-authority-data": certificate_authority}
    if tunnel is not None:
        cluster["server"] = f"https://{tunnel}"
        cluster["tls-server-name"] = pulumi.Output.from_input(endpoint).apply(lambda url: urlsplit(url).hostname)
    token = ["eks", "get-token", "--cluster-name", name, "--region", region, "--output", "json"]
    if role_arn is not None:
        token += ["--role-arn", role_arn]
    login = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "aws",
        "args": token,
        "interactiveMode": "Never",
    }
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "cell", "cluster": cluster}],
        "users": [{"name": "deploy", "user": {"exec": login}}],
        "contexts": [{"name": "cell", "context": {"cluster": "cell", "user": "deploy"}}],
        "current-context": "cell",
    }
