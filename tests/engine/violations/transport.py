from marks import QUIET, forcing_tls, over_tls_only
from pulumi_aws import lb, rds, sns

TARGETS = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/t/1"
BALANCER = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/a/1"
CERTIFICATE = "arn:aws:acm:eu-west-1:123456789012:certificate/c"


def declare() -> None:
    for name, tls, forced in (("bad", "FS-2018-06", "0"), ("good", "TLS13-1-2-2021-06", "1")):
        lb.Listener(
            f"tls-01-{name}",
            load_balancer_arn=BALANCER,
            port=443,
            protocol="HTTPS",
            ssl_policy=f"ELBSecurityPolicy-{tls}",
            certificate_arn=CERTIFICATE,
            default_actions=[{"type": "forward", "target_group_arn": TARGETS}],
            tags=QUIET,
        )
        rds.Cluster(
            f"tls-02-{name}",
            engine="aurora-postgresql",
            db_cluster_parameter_group_name=forcing_tls(f"tls-02-{name}", forced).name,
            backup_retention_period=7,
            iam_database_authentication_enabled=True,
            tags=QUIET,
        )
    sns.Topic("tls-03-bad", tags=QUIET)
    sns.Topic("tls-03-good", policy=over_tls_only("sns"), tags=QUIET)
