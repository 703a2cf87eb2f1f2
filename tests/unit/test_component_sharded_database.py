"""The shards of a cell: born for recovery, encrypted, TLS only, protected, found through the map."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pulumi
import pytest
from mocks import Registered, assert_children_of_components, assert_regional, is_unknown, run
from pulumi.runtime import rpc

from components.sharded_database import PARAMETERS, DatabaseShard, ShardedDatabase, ShardedDatabaseArgs
from components.vocabulary import DataClass, TagKey
from contracts.shard_map import parse
from contracts.shard_plan import first_map

ACCOUNT, REGION = "123456789012", "eu-west-1"
ZONES = {"euw1-az1": "eu-west-1a", "euw1-az2": "eu-west-1b", "euw1-az3": "eu-west-1c"}
KEY = "arn:aws:kms:eu-west-1:123456789012:key/payments"
SECRETS_KEY = "arn:aws:kms:eu-west-1:123456789012:key/secrets"
ARGS = ShardedDatabaseArgs(
    region=REGION,
    account_id=ACCOUNT,
    jurisdiction="eu",
    shards=[DatabaseShard(id=f"s0{n}", instance_class="db.r7g.large", readers=2) for n in range(4)],
    shard_map=first_map(4),
    engine_version="17.5",
    ca_certificate="rds-ca-rsa2048-g1",
    vpc_id="vpc-1",
    subnet_ids={zone: f"subnet-{zone}" for zone in ZONES},
    zone_names=ZONES,
    client_security_group_id="sg-workload",
    key_arn=KEY,
    secrets_key_arn=SECRETS_KEY,
    logs_key_arn="arn:aws:kms:eu-west-1:123456789012:key/logs",
    global_members=True,
)
DEVELOPMENT = replace(
    ARGS,
    shards=[DatabaseShard(id="s00", instance_class="db.t4g.medium", readers=0)],
    shard_map=first_map(1),
    zone_names={"euw1-az1": "eu-west-1a"},
    backup_days=7,
    global_members=False,
    protected=False,
    disposable=True,
)
CLUSTER, INSTANCE = "aws:rds/cluster:Cluster", "aws:rds/clusterInstance:ClusterInstance"
GLOBAL, PARAMETER_GROUP = "aws:rds/globalCluster:GlobalCluster", "aws:rds/clusterParameterGroup:ClusterParameterGroup"
PROXY, PROXY_TARGET = "aws:rds/proxy:Proxy", "aws:rds/proxyTarget:ProxyTarget"
SECRET, VERSION = "aws:secretsmanager/secret:Secret", "aws:secretsmanager/secretVersion:SecretVersion"
INGRESS, EGRESS = (
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
)
LOG_GROUP, PARAMETER = "aws:cloudwatch/logGroup:LogGroup", "aws:ssm/parameter:Parameter"
ROLE, ROLE_POLICY = "aws:iam/role:Role", "aws:iam/rolePolicy:RolePolicy"


def secret(value: dict[str, str]) -> str:
    """What a secret input holds; anything else than a secret fails."""
    assert value[rpc._special_sig_key] == rpc._special_secret_sig
    return value["value"]


def made(args: ShardedDatabaseArgs = ARGS, *, preview: bool = False) -> Registered:
    return run(lambda: ShardedDatabase("test", args), preview=preview)


@pytest.fixture(scope="module")
def database() -> Registered:
    return made()


@pytest.fixture(scope="module")
def development() -> Registered:
    return made(DEVELOPMENT)


def test_everything_is_regional_and_has_a_parent(database: Registered) -> None:
    assert_regional(database, REGION)
    assert_children_of_components(database)


def test_each_shard_is_born_as_the_only_member_of_its_own_global_cluster(database: Registered) -> None:
    assert set(database.of(GLOBAL)) == {"test-s00", "test-s01", "test-s02", "test-s03"}
    for name, cluster in database.of(CLUSTER).items():
        world = database.of(GLOBAL)[name]
        assert cluster.inputs["globalClusterIdentifier"] == f"{name}-id"
        assert "sourceDbClusterIdentifier" not in world.inputs
        assert world.inputs["storageEncrypted"] is True
        assert world.inputs["deletionProtection"] is True


def test_without_recovery_region_there_is_no_global_cluster(development: Registered) -> None:
    assert development.of(GLOBAL) == {}
    assert "globalClusterIdentifier" not in development.one(CLUSTER).inputs


def test_storage_and_insights_use_the_cells_own_key(database: Registered) -> None:
    for cluster in database.of(CLUSTER).values():
        assert cluster.inputs["storageEncrypted"] is True
        assert cluster.inputs["kmsKeyId"] == KEY
        assert cluster.inputs["performanceInsightsKmsKeyId"] == KEY
        assert cluster.inputs["databaseInsightsMode"] == "advanced"
        assert cluster.inputs["performanceInsightsRetentionPeriod"] == 465


def test_production_recovers_35_days_and_refuses_deletion(database: Registered) -> None:
    for name, cluster in database.of(CLUSTER).items():
        assert cluster.inputs["backupRetentionPeriod"] == 35
        assert cluster.inputs["deletionProtection"] is True
        assert cluster.inputs["skipFinalSnapshot"] is False
        assert cluster.inputs["finalSnapshotIdentifier"] == f"{name}-final"
        assert cluster.inputs["deleteAutomatedBackups"] is False
        assert cluster.inputs["copyTagsToSnapshot"] is True
        assert cluster.protect


def test_development_leaves_nothing(development: Registered) -> None:
    cluster = development.one(CLUSTER)
    assert cluster.inputs["backupRetentionPeriod"] == 7
    assert cluster.inputs["deletionProtection"] is False
    assert cluster.inputs["skipFinalSnapshot"] is True
    assert development.one(SECRET).inputs["recoveryWindowInDays"] == 0
    assert not [r.name for r in development if r.protect]


def test_clients_sign_in_with_iam_over_tls(database: Registered) -> None:
    values = {p["name"]: p["value"] for p in database.one(PARAMETER_GROUP).inputs["parameters"]}
    assert values["rds.force_ssl"] == "1"
    assert values["ssl_min_protocol_version"] == "TLSv1.2"
    assert all(cluster.inputs["iamDatabaseAuthenticationEnabled"] for cluster in database.of(CLUSTER).values())
    for proxy in database.of(PROXY).values():
        assert proxy.inputs["requireTls"] is True
        assert proxy.inputs["debugLogging"] is False
        assert proxy.inputs["auths"][0]["iamAuth"] == "REQUIRED"


def test_changes_are_audited_and_no_bind_value_is_logged(database: Registered) -> None:
    group = database.one(PARAMETER_GROUP).inputs
    parameters = {p["name"]: p for p in group["parameters"]}
    assert group["family"] == "aurora-postgresql17"
    assert "pgaudit" in parameters["shared_preload_libraries"]["value"]
    assert parameters["pgaudit.log"]["value"] == "ddl,role"
    assert parameters["log_parameter_max_length"]["value"] == "0"
    assert parameters["log_parameter_max_length_on_error"]["value"] == "0"
    for name, (_, restart) in PARAMETERS.items():
        assert parameters[name]["applyMethod"] == ("pending-reboot" if restart else "immediate")


def test_log_groups_exist_before_their_cluster(database: Registered) -> None:
    for name, cluster in database.of(CLUSTER).items():
        assert cluster.inputs["enabledCloudwatchLogsExports"] == ["postgresql", "iam-db-auth-error", "instance"]
        for export in cluster.inputs["enabledCloudwatchLogsExports"]:
            group = database.of(LOG_GROUP)[f"{name}-{export}"].inputs
            assert group["name"] == f"/aws/rds/cluster/{cluster.inputs['clusterIdentifier']}/{export}"
            assert (group["retentionInDays"], group["kmsKeyId"]) == (365, ARGS.logs_key_arn)
            assert f"{LOG_GROUP} {name}-{export}" in database.waits_for(cluster)


def test_instances_spread_over_zones_and_writers_over_shards(database: Registered) -> None:
    first = {}
    for shard in ("s00", "s01", "s02", "s03"):
        instances = [i for n, i in database.of(INSTANCE).items() if n.startswith(f"test-{shard}-")]
        assert {i.inputs["availabilityZone"] for i in instances} == set(ZONES.values())
        assert sorted(i.inputs["promotionTier"] for i in instances) == [0, 1, 1]
        (first[shard],) = [i.inputs["availabilityZone"] for i in instances if i.inputs["promotionTier"] == 0]
    assert first == {"s00": "eu-west-1a", "s01": "eu-west-1b", "s02": "eu-west-1c", "s03": "eu-west-1a"}


def test_more_instances_than_zones_have_stable_names() -> None:
    shard = DatabaseShard(id="s01", instance_class="db.r7g.large", readers=3)
    other = DatabaseShard(id="s00", instance_class="db.r7g.large", readers=0)
    names = set(made(replace(ARGS, shards=[shard, other], shard_map=first_map(2))).of(INSTANCE))
    assert names == {
        "test-s00-euw1-az1", "test-s01-euw1-az1", "test-s01-euw1-az2", "test-s01-euw1-az3", "test-s01-euw1-az2-2",
    }  # fmt: skip


def test_instances_are_monitored_private_and_not_upgraded_by_surprise(database: Registered) -> None:
    for instance in database.of(INSTANCE).values():
        assert instance.inputs["monitoringInterval"] == 15
        assert instance.inputs["publiclyAccessible"] is False
        assert instance.inputs["autoMinorVersionUpgrade"] is False
        assert instance.inputs["caCertIdentifier"] == "rds-ca-rsa2048-g1"
        attachment = "aws:iam/rolePolicyAttachment:RolePolicyAttachment test-rds-monitoring"
        assert attachment in database.waits_for(instance)


def test_shards_reach_a_new_major_version_one_after_the_other() -> None:
    first, second, *others = ARGS.shards
    shards = [replace(first, engine_version="18.4", upgrading=True), replace(second, engine_version="17.9"), *others]
    halfway = made(replace(ARGS, shards=shards))
    groups = {name: group.inputs["family"] for name, group in halfway.of(PARAMETER_GROUP).items()}
    # The first family's group keeps the plain name: a rename would replace it in cells that stand.
    assert groups == {"test": "aurora-postgresql17", "test-aurora-postgresql18": "aurora-postgresql18"}
    seen = {
        name: (
            cluster.inputs["engineVersion"],
            cluster.inputs["dbClusterParameterGroupName"].removeprefix("test-").startswith("aurora-postgresql18"),
            cluster.inputs["allowMajorVersionUpgrade"],
            cluster.inputs["applyImmediately"],
        )
        for name, cluster in halfway.of(CLUSTER).items()
    }
    assert seen == {
        "test-s00": ("18.4", True, True, True),
        "test-s01": ("17.9", False, False, False),
        "test-s02": ("17.5", False, False, False),
        "test-s03": ("17.5", False, False, False),
    }
    applied = {name: instance.inputs["applyImmediately"] for name, instance in halfway.of(INSTANCE).items()}
    assert {name.split("-")[1] for name, now in applied.items() if now} == {"s00"}


def test_windows_do_not_overlap(database: Registered) -> None:
    cluster = database.one(CLUSTER, "test-s00").inputs
    assert cluster["preferredBackupWindow"] == "02:00-03:00"
    assert cluster["preferredMaintenanceWindow"] == "sun:03:30-sun:04:30"


def test_the_master_password_is_write_only_and_the_same_in_cluster_and_secret(database: Registered) -> None:
    passwords = set()
    for name, cluster in database.of(CLUSTER).items():
        version = database.of(VERSION)[f"{name}-master"]
        password = secret(cluster.inputs["masterPasswordWo"])
        assert json.loads(secret(version.inputs["secretStringWo"])) == {"username": "cell_master", "password": password}
        assert cluster.inputs["masterPasswordWoVersion"] == version.inputs["secretStringWoVersion"] == 1
        assert not {"masterPassword", "manageMasterUserPassword"} & set(cluster.inputs)
        assert "secretString" not in version.inputs
        assert len(password) >= 40
        passwords.add(password)
    assert len(passwords) == 4


def test_a_preview_has_no_password_so_that_its_plan_fits_any_run() -> None:
    preview = made(preview=True)
    assert pulumi.contains_unknowns(preview.one(CLUSTER, "test-s00").inputs["masterPasswordWo"])
    assert pulumi.contains_unknowns(preview.one(VERSION, "test-s00-master").inputs["secretStringWo"])


def test_a_new_password_version_reaches_both() -> None:
    database = made(replace(ARGS, master_password_version=2))
    assert database.one(CLUSTER, "test-s00").inputs["masterPasswordWoVersion"] == 2
    assert database.one(VERSION, "test-s00-master").inputs["secretStringWoVersion"] == 2


def test_no_output_holds_a_password(database: Registered) -> None:
    passwords = [secret(cluster.inputs["masterPasswordWo"]) for cluster in database.of(CLUSTER).values()]
    for resource in database:
        text = json.dumps(resource.outputs, default=str)
        assert not [password for password in passwords if password in text], resource.name


def test_secrets_have_their_own_key_and_a_recovery_window(database: Registered) -> None:
    for secret in database.of(SECRET).values():
        assert secret.inputs["kmsKeyId"] == SECRETS_KEY
        assert secret.inputs["recoveryWindowInDays"] == 30
        assert secret.protect


def test_a_proxys_role_opens_the_secret_of_its_shard_only(database: Registered) -> None:
    policy = database.one(ROLE_POLICY, "test-s01-proxy")
    assert policy.statement("ReadSecret")["Action"] == ["secretsmanager:GetSecretValue"]
    assert policy.statement("ReadSecret")["Resource"].endswith(":test-s01-master")
    decrypt = policy.statement("DecryptSecret")
    assert decrypt["Resource"] == SECRETS_KEY
    assert decrypt["Condition"]["StringEquals"]["kms:ViaService"] == "secretsmanager.eu-west-1.amazonaws.com"
    assert len(policy.document()["Statement"]) == 2


def test_programs_sign_in_with_iam_from_end_to_end() -> None:
    def outputs(kind: str, name: str, _: Mapping[str, Any]) -> dict[str, Any]:
        return {"clusterResourceId": f"cluster-of-{name}"} if kind == CLUSTER else {}

    database = run(lambda: ShardedDatabase("test", ARGS), outputs=outputs)
    for name, proxy in database.of(PROXY).items():
        assert proxy.inputs["defaultAuthScheme"] == "IAM_AUTH"
        statement = database.one(ROLE_POLICY, f"{name}-proxy-connect").statement("SignIn")
        assert statement["Action"] == ["rds-db:connect"]
        users = f"arn:aws:rds-db:{REGION}:{ACCOUNT}:dbuser:cluster-of-{name}"
        assert statement["Resource"] == [f"{users}/{user}" for user in ("payments", "relay", "auditor")]


def test_the_proxy_does_not_wait_for_the_cluster_but_its_target_for_the_permission(database: Registered) -> None:
    assert f"{CLUSTER} test-s00" not in database.waits_for(database.one(PROXY, "test-s00"))
    assert f"{ROLE_POLICY} test-s00-proxy-connect" in database.waits_for(database.one(PROXY_TARGET, "test-s00"))


def test_a_program_may_be_one_user_of_every_shards_proxy() -> None:
    documents: list[object] = []

    def program() -> None:
        statement = ShardedDatabase("test", ARGS).connect_statement("cell_master")
        pulumi.Output.from_input(statement.document()).apply(documents.append)

    database = run(program)
    (statement,) = documents
    assert isinstance(statement, dict)
    assert statement["Sid"] == "SignInAsCellMaster"
    assert statement["Action"] == ["rds-db:connect"]
    ids = [proxy.state["arn"].rpartition(":")[2] for proxy in database.of(PROXY).values()]
    users = f"arn:aws:rds-db:{REGION}:{ACCOUNT}:dbuser"
    assert sorted(statement["Resource"]) == sorted(f"{users}:{resource}/cell_master" for resource in ids)


def test_an_unknown_database_user_is_refused() -> None:
    def program() -> None:
        with pytest.raises(ValueError, match="database user 'root': the proxy knows payments, relay, auditor"):
            ShardedDatabase("test", ARGS).connect_statement("root")

    run(program)


def test_a_proxy_waits_for_its_permission_and_its_target_for_instances(database: Registered) -> None:
    assert f"{ROLE_POLICY} test-s00-proxy" in database.waits_for(database.one(PROXY, "test-s00"))
    waits = database.waits_for(database.one(PROXY_TARGET, "test-s00"))
    assert {f"{INSTANCE} test-s00-{zone}" for zone in ZONES} <= waits


def test_a_full_pool_is_refused_before_a_payment_times_out(database: Registered) -> None:
    pool = database.one("aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup", "test-s00").inputs
    assert pool["connectionPoolConfig"]["connectionBorrowTimeout"] == 5
    assert pool["connectionPoolConfig"]["maxConnectionsPercent"] < 100


def test_only_proxies_and_workloads_reach_a_shard(database: Registered) -> None:
    rules = {name: rule.inputs for name, rule in database.of(INGRESS).items()}
    assert set(rules) == {"test-database-from-proxy", "test-database-from-workload", "test-proxy-from-workload"}
    assert {(rule["fromPort"], rule["toPort"], rule["ipProtocol"]) for rule in rules.values()} == {(5432, 5432, "tcp")}
    assert rules["test-database-from-proxy"]["referencedSecurityGroupId"] == "test-proxy-id"
    assert rules["test-proxy-from-workload"]["referencedSecurityGroupId"] == "sg-workload"
    assert not [rule for rule in rules.values() if "cidrIpv4" in rule]
    (egress,) = database.of(EGRESS).values()
    assert egress.inputs["securityGroupId"] == "test-proxy-id"
    assert egress.inputs["referencedSecurityGroupId"] == "test-database-id"


def test_shards_stand_on_data_subnets(database: Registered) -> None:
    group = database.one("aws:rds/subnetGroup:SubnetGroup").inputs
    assert group["subnetIds"] == list(ARGS.subnet_ids.values())


def test_the_map_is_published_after_the_shards_with_version_and_checksum(database: Registered) -> None:
    parameter = database.one(PARAMETER)
    assert parameter.inputs["name"] == "/payment-cell/test/shard-map"
    published = parse(parameter.inputs["insecureValue"])
    assert (published.version, published.checksum) == (ARGS.shard_map.version, ARGS.shard_map.checksum)
    assert parameter.inputs["tier"] == "Standard"
    waits = database.waits_for(parameter)
    assert f"{PROXY_TARGET} test-s03" in waits
    assert f"{VERSION} test-s00-master" in waits


def test_shards_are_independent_of_each_other(database: Registered) -> None:
    for name, cluster in database.of(CLUSTER).items():
        others = {f"{CLUSTER} {other}" for other in database.of(CLUSTER)} - {f"{CLUSTER} {name}"}
        assert not others & database.waits_for(cluster)


def test_durable_parts_say_what_they_hold(database: Registered) -> None:
    for type_ in (CLUSTER, INSTANCE, GLOBAL):
        for resource in database.of(type_).values():
            assert resource.inputs["tags"][TagKey.DATA_CLASS] == DataClass.PAYMENTS
            assert resource.inputs["tags"][TagKey.JURISDICTION] == "eu"


def test_a_preview_registers_the_same_resources(database: Registered) -> None:
    preview = made(preview=True)
    assert sorted(r.urn for r in preview) == sorted(r.urn for r in database)
    assert is_unknown(preview.one(PROXY_TARGET, "test-s00").inputs["dbClusterIdentifier"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shards": []}, "needs one shard or more"),
        ({"shards": [ARGS.shards[0]] * 4}, "an id repeats"),
        ({"shards": ARGS.shards[:3]}, "gives slots to s03"),
        ({"backup_days": 6}, r"6 is outside 7\.\.35 days"),
        ({"backup_days": 36}, r"36 is outside 7\.\.35 days"),
        ({"engine_version": "17"}, "is not major.minor"),
        ({"shards": [replace(shard, engine_version="18") for shard in ARGS.shards]}, "'18' is not major.minor"),
        ({"subnet_ids": {"euw1-az1": "subnet-1"}}, "two zones or more"),
        ({"zone_names": {"euw1-az9": "eu-west-1z"}}, "name one or more of the subnets' zones"),
        ({"master_password_version": 0}, "0 is below 1"),
    ],
)
def test_what_cannot_work_is_refused_at_once(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(ARGS, **change)  # type: ignore[arg-type]


def test_shards_with_impossible_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="is not s00 to s999"):
        DatabaseShard(id="shard-0", instance_class="db.r7g.large", readers=1)
    with pytest.raises(ValueError, match=r"16 is outside 0\.\.15"):
        DatabaseShard(id="s00", instance_class="db.r7g.large", readers=16)
    burstable = [DatabaseShard(id="s00", instance_class="db.t4g.medium", readers=0)]
    with pytest.raises(ValueError, match="burstable, which a global database refuses"):
        replace(ARGS, shards=burstable, shard_map=first_map(1))


def test_a_name_that_leaves_no_room_is_refused() -> None:
    with pytest.raises(ValueError, match="over 63 characters"):
        run(lambda: ShardedDatabase("t" * 60, ARGS))
