"""Tags of the resources, and what keeps other controls quiet."""

import json

from pulumi_aws import rds

QUIET = {
    "payment-cell:data-class": "internal",
    "payment-cell:environment": "development",
    "payment-cell:data-origin": "synthetic",
}
"""Tags of what is to be judged by one control only: without a class a store counts as personal, without an environment
as production, without an origin as real."""

CONTROL_PLANE = ["api", "audit", "authenticator", "controllerManager", "scheduler"]
ENTRIES_ONLY = {"authentication_mode": "API", "bootstrap_cluster_creator_admin_permissions": False}
OWN_ACCOUNT = {
    "Effect": "Allow",
    "Principal": "*",
    "Action": "*",
    "Resource": "*",
    "Condition": {"StringEquals": {"aws:PrincipalAccount": "123456789012"}},
}
"""What an endpoint's policy lets through."""

EU = {**QUIET, "payment-cell:jurisdiction": "eu"}
OURS = {**QUIET, "payment-cell:cell": "ours"}


def over_tls_only(service: str) -> str:
    """The policy of a queue, topic or bucket (``sqs``, ``sns``, ``s3``) that TLS-03 wants."""
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": f"{service}:*",
        "Resource": "*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [deny]})


def forcing_tls(name: str, value: str = "1") -> rds.ClusterParameterGroup:
    """The parameter group that TLS-02 wants of Aurora PostgreSQL."""
    parameters = [{"name": "rds.force_ssl", "value": value}]
    return rds.ClusterParameterGroup(name, family="aurora-postgresql17", parameters=parameters, tags=QUIET)
