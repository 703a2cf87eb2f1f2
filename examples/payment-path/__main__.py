"""The programs that carry a payment: gateway, scorer, payments API, egress gateway to a bank, relay and archiver, in a
cluster that exists, and the stores that only they use. Shards and stream are there already."""

from dataclasses import replace

import pulumi
import pulumi_kubernetes as kubernetes

import catalogue
from components import bank_egress, event_path, gateway, payments, scorer
from components.alarm_topic import AlarmTopic, AlarmTopicArgs
from components.api_keys import ApiKeys, ApiKeysArgs
from components.bank_egress import BankEgress, BankEgressArgs, markets_json
from components.banks import Bank, Ejection, Endpoint, Limits, Market
from components.event_path import EventPath, EventPathArgs
from components.fraud_scoring import FraudScoring, FraudScoringArgs
from components.gateway import GatewayArgs, GatewayWorkload
from components.gateway_settings import Gateway, limits_for
from components.keys import Keys, KeysArgs
from components.payments import Payments, PaymentsArgs
from components.reachability import BANKS, Blocks, Party, Port
from components.scorer import Scorer, ScorerArgs
from components.subject_keys import SubjectKeys, SubjectKeysArgs
from components.trace_agent import AGENT, ENDPOINT
from components.vocabulary import KeyUse
from components.workload import declared_matrix
from components.workloads import NamespaceArgs, Workloads, WorkloadsArgs
from contracts.cell_map import CellMap
from contracts.shard_map import SLOTS, Shard, ShardMap

CELL = "example"
RULES = """\
rules:
  - id: blocked-country
    when: [{fact: payer_country, in: blocked}]
    action: block
lists: {blocked: [KP]}
"""
config = pulumi.Config()
region, account_id = pulumi.Config("aws").require("region"), config.require("accountId")
images = config.require_object("images")
cluster = kubernetes.Provider(
    "cluster", kubeconfig=config.require("kubeconfig"), cluster_identifier=config.require("clusterArn")
)
opts = pulumi.ResourceOptions(providers=[cluster])

keys = Keys(CELL, KeysArgs(region=region, account_id=account_id, protected=False))
alarms = AlarmTopic(
    CELL,
    AlarmTopicArgs(
        region=region,
        account_id=account_id,
        jurisdiction="eu",
        key_arn=keys.arns[KeyUse.EVENTS],
        subscribers={"oncall@example.com": "email"},
    ),
)
common = {"region": region, "jurisdiction": "eu", "protected": False}
fraud = FraudScoring(
    CELL,
    FraudScoringArgs(
        account_id=account_id,
        key_arn=keys.arns[KeyUse.FRAUD],
        logs_key_arn=keys.arns[KeyUse.LOGS],
        alarm_topic_arn=alarms.arn,
        stream_shards=1,
        disposable=True,
        **common,
    ),
)
subjects = SubjectKeys(CELL, SubjectKeysArgs(key_arn=keys.arns[KeyUse.SUBJECTS], **common))
api_keys = ApiKeys(CELL, ApiKeysArgs(key_arn=keys.arns[KeyUse.SECRETS], disposable=True, **common))

bank = Bank(
    id="bank-a",
    rail="sct-inst",
    endpoints=(Endpoint(host="api.bank-a.example", port=443, server_name="api.bank-a.example"),),
    second_route=(),
    limits=Limits(
        connections=20,
        pending=20,
        requests=40,
        retries=1,
        retry_budget_percent=20,
        rate_per_second=50,
        timeout_ms=3000,
        try_timeout_ms=2500,
        connect_timeout_ms=500,
        idle_timeout_ms=10_000,
    ),
    ejection=Ejection(
        consecutive_errors=5,
        interval_ms=1000,
        base_ms=2000,
        maximum_ms=30_000,
        failure_percent=None,
        minimum_success_percent=80,
    ),
)
market = Market(name="eu-sepa", index=0, currency="EUR", cells=frozenset({CELL}), banks={bank.id: bank})

settings = Gateway(cell=CELL, limits=limits_for(50), otlp_endpoint=ENDPOINT)
pods = {"replicas": 2, "maximum": 4}
gateway_args = GatewayArgs(
    settings=settings,
    cell_map=CellMap(version=1, default=CELL, hosts={CELL: "pay.example.com"}),
    image=images["gateway"],
    parties={},
    node_group=None,
    **pods,
)
scorer_args = ScorerArgs(
    cell=CELL,
    region=region,
    image=images["scorer"],
    rules=RULES,
    parties={},
    feature_table=fraud.feature_table,
    decision_stream=fraud.decision_stream,
    model_bucket=fraud.model_bucket,
    pseudonym_secret_arn=fraud.pseudonym_secret_arn,
    subject_keys_table=subjects.table,
    subjects_key_arn=keys.arns[KeyUse.SUBJECTS],
    otlp_endpoint=ENDPOINT,
    **pods,
)
payments_args = PaymentsArgs(
    cell=CELL,
    region=region,
    image=images["payments"],
    shards={"s00": config.require("proxyHost")},
    markets=markets_json(CELL, [market]),
    egress=sorted(bank_egress.groups_of(CELL, [market])),
    parties={},
    fraud_fail_mode={caller.value: mode.value for caller, mode in settings.fraud.modes.items()},
    subject_keys_table=subjects.table,
    subjects_key_arn=keys.arns[KeyUse.SUBJECTS],
    api_keys_secret_arn=api_keys.secret_arn,
    otlp_endpoint=ENDPOINT,
    **pods,
)
events_args = EventPathArgs(
    cell=CELL,
    region=region,
    image=images["relay"],
    stream=config.require("streamName"),
    archive_bucket=config.require("archiveBucket"),
    queue_urls={"ledger": config.require("ledgerQueueUrl")},
    parties={},
    otlp_endpoint=ENDPOINT,
)
egress_args = BankEgressArgs(cell=CELL, image=images["gateway"], markets=[market], parties={}, otlp_endpoint=ENDPOINT)

places = {tier: Blocks(cidrs=(cidr,)) for tier, cidr in config.require_object("cidrs").items()}
outside = (
    Party(name="edge", place=places["public"]),
    Party(name="database", place=places["data"], ports=(Port(number=5432),)),
    Party(name="aws", place=places["workload"], ports=(Port(number=443),)),
    BANKS,
    AGENT,
)
declared = [
    *gateway.workloads(gateway_args).values(),
    *scorer.workloads(scorer_args).values(),
    *payments.workloads(payments_args).values(),
    *event_path.workloads(events_args).values(),
    *bank_egress.workloads(egress_args).values(),
]
parties = {party.name: party for party in (*outside, *(workload.party for workload in declared))}
reached = declared_matrix(declared, outside)
reached.check()

quota = NamespaceArgs(cpu="16", memory="32Gi", pods=100)
reading = replace(quota, reads_shard_map=True)
spaces = Workloads(
    CELL,
    WorkloadsArgs(
        cell=CELL,
        kubernetes_version=catalogue.versions().kubernetes.default,
        namespaces={"gateway": quota, "fraud": quota, "egress": quota, "payments": reading, "consumers": reading},
        shard_map=ShardMap(version=1, shards=(Shard(id="s00"),), owners=("s00",) * SLOTS).to_json(),
    ),
    opts,
).namespaces
BankEgress(CELL, replace(egress_args, parties=parties), spaces["egress"], opts)
Scorer(CELL, replace(scorer_args, parties=parties), spaces["fraud"], opts)
paying = Payments(CELL, replace(payments_args, parties=parties), spaces["payments"], opts)
EventPath(CELL, replace(events_args, parties=parties), spaces, opts, after=[paying])
GatewayWorkload(CELL, replace(gateway_args, parties=parties), spaces["gateway"], opts)

pulumi.export("programs", sorted(workload.name for workload in declared))
pulumi.export("reachability", reached.table())
pulumi.export("subjectKeysTable", subjects.table)
