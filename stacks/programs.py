"""The programs that carry a payment through one cell, from its plan, its markets and its stack's outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path

import pulumi

from components import bank_egress, event_path, gateway, payments, scorer
from components.bank_egress import BankEgress, BankEgressArgs, groups_of, markets_json
from components.event_path import EventPath, EventPathArgs
from components.gateway import GatewayArgs, GatewayWorkload
from components.payment_path import UNSCORED
from components.payments import Payments, PaymentsArgs
from components.reachability import Party
from components.registry import image_of
from components.scorer import Scorer, ScorerArgs
from components.trace_agent import ENDPOINT
from components.vocabulary import Environment, KeyUse, Program
from components.workload import WorkloadArgs
from contracts.cell_map import CellMap
from contracts.deadlines import Deadlines
from stacks.fleet import Fleet
from stacks.market_files import Markets
from stacks.models import WorkloadsSettings
from stacks.plan import CellPlan

RULES = Path(__file__).parent / "fraud_rules.yaml"
"""Rules of the fraud decision: the same in every cell that does not bring its own."""

PODS_TO_GROWN = 4
"""Times the pods at rest that a workload may grow to: the peak is about four times the mean (catalogue/workload.yaml),
and the node group's own maximum comes before it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Programs:
    """What each component is told."""

    gateway: GatewayArgs
    scorer: ScorerArgs
    payments: PaymentsArgs
    events: EventPathArgs
    egress: BankEgressArgs
    markets: str
    """markets.json of the cell."""

    @property
    def workloads(self) -> list[WorkloadArgs]:
        """All of them, for the matrix."""
        return [
            *gateway.workloads(self.gateway).values(),
            *scorer.workloads(self.scorer).values(),
            *payments.workloads(self.payments).values(),
            *event_path.workloads(self.events).values(),
            *bank_egress.workloads(self.egress).values(),
        ]

    def among(self, outside: Sequence[Party]) -> Programs:
        """The same with everybody that they may call or be called by."""
        parties = {party.name: party for party in (*outside, *(workload.party for workload in self.workloads))}
        return Programs(
            gateway=replace(self.gateway, parties=parties),
            scorer=replace(self.scorer, parties=parties),
            payments=replace(self.payments, parties=parties),
            events=replace(self.events, parties=parties),
            egress=replace(self.egress, parties=parties),
            markets=self.markets,
        )

    def declare(self, cell: str, namespaces: Mapping[str, pulumi.Output[str]], opts: pulumi.ResourceOptions) -> None:
        """Banks and stores first, the gateway last: no request comes before there is somebody to take it."""
        BankEgress(cell, self.egress, namespaces[bank_egress.NAMESPACE], opts)
        Scorer(cell, self.scorer, namespaces[scorer.NAMESPACE], opts)
        paying = Payments(cell, self.payments, namespaces[payments.NAMESPACE], opts)
        EventPath(cell, self.events, namespaces, opts, after=[paying])
        GatewayWorkload(cell, self.gateway, namespaces[gateway.NAMESPACE], opts)


def pods(plan: CellPlan) -> int:
    """Of each program on the payments' way, egress gateways too: one a zone, and in production three at least, which
    control K8S-05 asks for."""
    zones = len(plan.zone_ids)
    return max(3, zones) if plan.environment is Environment.PRODUCTION else max(1, zones)


def programs(
    settings: WorkloadsSettings, plan: CellPlan, fleet: Fleet, markets: Markets, cell: pulumi.StackReference
) -> Programs:
    """What the programs of a cell are told. Raises ValueError where a client would give up before a bank may answer."""
    account_id = fleet.account_of(settings.cell).account_id
    images = {
        program: image_of(account_id, plan.region, plan.serves, program, settings.images[program])
        for program in Program
    }
    own, replicas = settings.cell, pods(plan)
    group = "gateway" if "gateway" in plan.node_groups else None
    shards = {shard.id: _proxy(cell, shard.id) for shard in plan.shards}
    served = groups_of(own, markets.all)
    told = markets_json(own, markets.all)
    modes = {caller.value: mode.value for caller, mode in settings.gateway.modes.items()}
    subjects = cell.require_output("keyArns").apply(lambda arns: arns[KeyUse.SUBJECTS.value])
    return Programs(
        gateway=GatewayArgs(
            settings=settings.gateway.gateway(own, _peak_of_a_pod(plan, replicas), _deadlines(own, markets)),
            cell_map=CellMap(version=1, default=own, hosts=fleet.hosts(own)),
            image=images[Program.GATEWAY],
            parties={},
            replicas=replicas,
            maximum=replicas * PODS_TO_GROWN,
            node_group=group,
        ),
        scorer=ScorerArgs(
            cell=own,
            region=plan.region,
            image=images[Program.SCORER],
            rules=RULES.read_text(encoding="utf-8"),
            parties={},
            otlp_endpoint=ENDPOINT,
            feature_table=cell.require_output("featureTable"),
            decision_stream=cell.require_output("decisionStream"),
            model_bucket=cell.require_output("modelBucket"),
            pseudonym_secret_arn=cell.require_output("pseudonymSecretArn"),
            subject_keys_table=cell.require_output("subjectKeysTable"),
            subjects_key_arn=subjects,
            rescore_queue_url=_queue(cell, UNSCORED)
            if any(consumer.name == UNSCORED for consumer in plan.consumers)
            else None,
            pair_primary=plan.pair_primary,
            deadline_ms=settings.gateway.fraud_deadline_ms,
            replicas=replicas,
            maximum=replicas * PODS_TO_GROWN,
            node_group=group,
        ),
        payments=PaymentsArgs(
            cell=own,
            region=plan.region,
            image=images[Program.PAYMENTS],
            shards=shards,
            markets=told,
            egress=sorted(served),
            parties={},
            otlp_endpoint=ENDPOINT,
            pair_primary=plan.pair_primary,
            fraud_fail_mode=modes,
            subject_keys_table=cell.require_output("subjectKeysTable"),
            subjects_key_arn=subjects,
            api_keys_secret_arn=cell.require_output("apiKeysSecretArn"),
            replicas=replicas,
            maximum=replicas * PODS_TO_GROWN,
        ),
        events=EventPathArgs(
            cell=own,
            region=plan.region,
            image=images[Program.RELAY],
            stream=cell.require_output("streamName"),
            archive_bucket=cell.require_output("archiveBucket"),
            queue_urls={consumer.name: _queue(cell, consumer.name) for consumer in plan.consumers if consumer.ordered},
            parties={},
            otlp_endpoint=ENDPOINT,
            pair_primary=plan.pair_primary,
            relays=min(2, replicas),
        ),
        egress=BankEgressArgs(
            cell=own,
            image=images[Program.GATEWAY],
            markets=markets.all,
            parties={},
            otlp_endpoint=ENDPOINT,
            replicas=replicas,
            node_group=group,
        ),
        markets=told,
    )


def _proxy(cell: pulumi.StackReference, shard: str) -> pulumi.Output[str]:
    return cell.require_output("shards").apply(lambda shards: shards[shard]["proxyEndpoint"])


def _queue(cell: pulumi.StackReference, consumer: str) -> pulumi.Output[str]:
    return cell.require_output("queueUrls").apply(lambda urls: urls[consumer])


def _peak_of_a_pod(plan: CellPlan, replicas: int) -> int:
    """Payments a second that a gateway pod has to take when all that may run do."""
    return ceil(plan.peak_payments_per_second / (replicas * PODS_TO_GROWN))


def _deadlines(cell: str, markets: Markets) -> Deadlines:
    """With the slowest bank of the cell's markets. A bank's timeout is that of all its tries."""
    timeouts = [bank.limits.timeout_ms for market in markets.of(cell) for bank in market.banks.values()]
    return Deadlines(bank_timeout_s=max(timeouts, default=1_000) / 1000, bank_tries=1)
