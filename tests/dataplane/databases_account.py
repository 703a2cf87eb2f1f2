"""A shard in the emulated account, as the component declares it, and the roles of its users."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import boto3

from conftest import DEFAULT_REGION, PRODUCTION_ACCOUNT, Sandbox

USERS = ("payments", "auditor")
PARAMETERS = {
    "rds.force_ssl": "1",
    "rds.logical_replication": "1",
    "ssl_min_protocol_version": "TLSv1.2",
    "password_encryption": "scram-sha-256",
    "shared_preload_libraries": "pg_stat_statements,pgaudit",
    "pgaudit.log": "ddl,role",
    "idle_in_transaction_session_timeout": "60000",
}


@dataclass(frozen=True, kw_only=True)
class Shard:
    """Names of what was made."""

    name: str
    cluster_host: str
    reader_host: str
    proxy_host: str
    proxy_resource: str
    account: str
    sandbox: Sandbox

    def client(self, service: str) -> Any:
        return self.sandbox.client(service, account=self.account)

    def role(self, name: str, *users: str) -> Any:
        """A role that may connect as these users of this shard's proxy, assumed."""
        arn = f"arn:aws:rds-db:{DEFAULT_REGION}:{self.account}:dbuser:{self.proxy_resource}"
        made = role(
            self.client("iam"), name, "rds-db:connect", [f"{arn}/{user}" for user in users] or [f"{arn}/nobody"]
        )
        return self.client("sts").assume_role(RoleArn=made, RoleSessionName="test")["Credentials"]

    def token(self, keys: Mapping[str, str], user: str) -> str:
        session = boto3.Session(
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )
        rds = session.client("rds", region_name=DEFAULT_REGION)
        return rds.generate_db_auth_token(DBHostname=self.proxy_host, Port=5432, DBUsername=user)


def role(iam: Any, name: str, action: str, resources: list[str], service: str = "pods.eks") -> str:
    trust = {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"}
    allowed = {"Effect": "Allow", "Action": [action], "Resource": resources}
    document = {"Version": "2012-10-17", "Statement": [trust]}
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))["Role"]["Arn"]
    policy = {"Version": "2012-10-17", "Statement": [allowed]}
    iam.put_role_policy(RoleName=name, PolicyName=name, PolicyDocument=json.dumps(policy))
    return str(arn)


def shard(
    sandbox: Sandbox, name: str, *, readers: int, account: str = PRODUCTION_ACCOUNT, world: str | None = None
) -> Shard:
    """A cluster with instances and a proxy of ten connections, whose role may sign in as `USERS` of the cluster;
    the first member of the global database `world`, if that is named."""
    ec2, rds, secrets, iam = (sandbox.client(one, account=account) for one in ("ec2", "rds", "secretsmanager", "iam"))
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{n}.0/24", AvailabilityZone=f"{DEFAULT_REGION}{zone}")["Subnet"][
            "SubnetId"
        ]
        for n, zone in enumerate("ab")
    ]
    rds.create_db_subnet_group(DBSubnetGroupName=name, DBSubnetGroupDescription=name, SubnetIds=subnets)
    group = {"DBClusterParameterGroupName": name, "DBParameterGroupFamily": "aurora-postgresql17"}
    rds.create_db_cluster_parameter_group(**group, Description=name)
    rds.modify_db_cluster_parameter_group(
        DBClusterParameterGroupName=name,
        Parameters=[
            {"ParameterName": key, "ParameterValue": value, "ApplyMethod": "pending-reboot"}
            for key, value in PARAMETERS.items()
        ],
    )
    secret = json.dumps({"username": "cell_master", "password": f"Secret-of-{name}-1"})
    secret_arn = secrets.create_secret(Name=f"{name}-master", SecretString=secret)["ARN"]
    if world:
        rds.create_global_cluster(GlobalClusterIdentifier=world, Engine="aurora-postgresql")
    cluster = rds.create_db_cluster(
        **({"GlobalClusterIdentifier": world} if world else {}),
        DBClusterIdentifier=name,
        Engine="aurora-postgresql",
        DatabaseName="payments",
        MasterUsername="cell_master",
        MasterUserPassword=f"Secret-of-{name}-1",
        DBSubnetGroupName=name,
        DBClusterParameterGroupName=name,
        EnableIAMDatabaseAuthentication=True,
        Port=5432,
    )["DBCluster"]
    for number in range(1 + readers):
        rds.create_db_instance(
            DBInstanceIdentifier=f"{name}-{number}",
            DBClusterIdentifier=name,
            Engine="aurora-postgresql",
            DBInstanceClass="db.r7g.large",
        )
    arns = [f"arn:aws:rds-db:{DEFAULT_REGION}:{account}:dbuser:{cluster['DbClusterResourceId']}/{u}" for u in USERS]
    proxy = rds.create_db_proxy(
        DBProxyName=name,
        EngineFamily="POSTGRESQL",
        DefaultAuthScheme="IAM_AUTH",
        Auth=[{"AuthScheme": "SECRETS", "IAMAuth": "REQUIRED", "SecretArn": secret_arn}],
        RoleArn=role(iam, f"{name}-proxy", "rds-db:connect", arns, "rds"),
        VpcSubnetIds=subnets,
        RequireTLS=True,
    )["DBProxy"]
    rds.modify_db_proxy_target_group(
        DBProxyName=name,
        TargetGroupName="default",
        ConnectionPoolConfig={"ConnectionBorrowTimeout": 2, "MaxConnectionsPercent": 10},
    )
    rds.register_db_proxy_targets(DBProxyName=name, DBClusterIdentifiers=[name])
    return Shard(
        name=name,
        cluster_host=cluster["Endpoint"],
        reader_host=cluster["ReaderEndpoint"],
        proxy_host=proxy["Endpoint"],
        proxy_resource=proxy["DBProxyArn"].rpartition(":")[2],
        account=account,
        sandbox=sandbox,
    )
