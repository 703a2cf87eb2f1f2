"""What a payment's way needs of AWS beside shards and event log: keys of data subjects, the secret of the API keys, the
stores of the fraud decision, and a role for each program, with its own calls on the cell's own resources."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from components import api_keys, event_path, payments, scorer
from components.api_keys import ApiKeys, ApiKeysArgs
from components.base import type_token
from components.epoch_roles import notes_regeneration, reads_writer
from components.event_log import EventLog
from components.event_path_roles import (
    EventPathRoleArgs,
    archiver_statements,
    consumer_statements,
    relay_statements,
)
from components.fraud_scoring import FraudScoring, FraudScoringArgs
from components.iam import Statement, policy
from components.pod_identity import PodIdentity, PodIdentityArgs
from components.sharded_database import ShardedDatabase
from components.standby import Standby, table_arn
from components.subject_keys import SubjectKeys, SubjectKeysArgs, opens, seals
from components.vocabulary import KeyUse
from contracts.personal import Purpose

UNSCORED = "fraud"
"""Consumer of the bus that gets payments which passed without a decision; the scorer reads its queue."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentPathArgs:
    """What the path of one cell stands on."""

    region: str
    account_id: str
    jurisdiction: str
    keys: Mapping[KeyUse, pulumi.Input[str]]
    cluster_name: pulumi.Input[str]
    cluster_arn: pulumi.Input[str]
    database: ShardedDatabase
    event_log: EventLog
    ordered_consumers: Sequence[str]
    """Those that a program of the cell reads."""
    alarm_topic_arn: pulumi.Input[str]
    decision_shards: int | None = None
    """Of the decision stream. None: on demand."""
    pair_primary: str | None = None
    """Stack of the primary of the cell's pair, whose epoch store says who writes. None: it is of no pair."""
    replica_region: str | None = None
    """Recovery region, which gets the secrets and replicas of the tables. None: the cell has none."""
    standby: Standby | None = None
    """The primary whose secrets and tables have replicas here. None: the cell has its own."""
    training_image: str | None = None
    """Trains the fraud model on a schedule. None: a person does."""
    log_retention_days: int = 365
    protected: bool = True
    disposable: bool = False


class PaymentPath(pulumi.ComponentResource):
    """Stores, secrets and roles. Creation: a minute beside the cluster and the shards."""

    api_keys_secret_arn: pulumi.Output[str]
    subject_keys_table: pulumi.Output[str]
    subject_keys_arn: pulumi.Output[str]
    fraud: FraudScoring

    def __init__(self, name: str, args: PaymentPathArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        self._prefix, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self._shared()
        self.fraud = FraudScoring(
            name,
            FraudScoringArgs(
                region=args.region,
                account_id=args.account_id,
                jurisdiction=args.jurisdiction,
                key_arn=args.keys[KeyUse.FRAUD],
                logs_key_arn=args.keys[KeyUse.LOGS],
                alarm_topic_arn=args.alarm_topic_arn,
                replica_region=args.replica_region,
                standby=args.standby,
                training_image=args.training_image,
                stream_shards=args.decision_shards,
                log_retention_days=args.log_retention_days,
                protected=args.protected,
                disposable=args.disposable,
            ),
            self._child,
        )
        for (namespace, program), statements in self._statements().items():
            self._role(namespace, program, statements)
        self.register_outputs({})

    def _shared(self) -> None:
        """The secret of the API keys and the table of the subjects' keys: the cell's own, or its primary's replicas."""
        args = self._args
        if args.standby is not None:
            self.api_keys_secret_arn = pulumi.Output.from_input(args.standby.api_keys_secret)
            self.subject_keys_table = pulumi.Output.from_input(args.standby.subject_keys_table)
            self.subject_keys_arn = table_arn(args.region, args.account_id, args.standby.subject_keys_table)
            return
        keys = ApiKeys(
            self._prefix,
            ApiKeysArgs(
                region=args.region,
                jurisdiction=args.jurisdiction,
                key_arn=args.keys[KeyUse.SECRETS],
                replica_region=args.replica_region,
                protected=args.protected,
                disposable=args.disposable,
            ),
            self._child,
        )
        subjects = SubjectKeys(
            self._prefix,
            SubjectKeysArgs(
                region=args.region,
                jurisdiction=args.jurisdiction,
                key_arn=args.keys[KeyUse.SUBJECTS],
                replica_region=args.replica_region,
                protected=args.protected,
            ),
            self._child,
        )
        self.api_keys_secret_arn = keys.secret_arn
        self.subject_keys_table, self.subject_keys_arn = subjects.table, subjects.arn

    def outputs(self) -> Mapping[str, pulumi.Output[str]]:
        """What the workloads stack gives to the programs."""
        return {
            "apiKeysSecretArn": self.api_keys_secret_arn,
            "subjectKeysTable": self.subject_keys_table,
            "featureTable": self.fraud.feature_table,
            "decisionStream": self.fraud.decision_stream,
            "modelBucket": self.fraud.model_bucket,
            "pseudonymSecretArn": self.fraud.pseudonym_secret_arn,
        }

    def _statements(self) -> Mapping[tuple[str, str], Sequence[Statement]]:
        """(namespace, service account) -> what its pods may do."""
        args, database, log = self._args, self._args.database, self._args.event_log
        path = EventPathRoleArgs(
            region=args.region,
            account_id=args.account_id,
            stream_arn=log.stream_arn,
            events_key_arn=args.keys[KeyUse.EVENTS],
            archive_bucket=log.archive_bucket,
            archive_key_arn=args.keys[KeyUse.ARCHIVE],
        )
        primary, where = args.pair_primary, (args.region, args.account_id)
        reads = reads_writer(primary, *where) if primary is not None else []
        notes = notes_regeneration(primary, *where) if primary is not None else []
        found: dict[tuple[str, str], Sequence[Statement]] = {
            (payments.NAMESPACE, payments.PAYMENTS): [
                database.connect_statement(payments.USER),
                *api_keys.checks(self.api_keys_secret_arn, args.keys[KeyUse.SECRETS], args.region, args.account_id),
                *seals(self.subject_keys_arn, args.keys[KeyUse.SUBJECTS]),
                *reads,
            ],
            (payments.NAMESPACE, payments.SETTLER): [database.connect_statement(payments.USER), *reads],
            (payments.NAMESPACE, payments.MIGRATOR): [
                database.connect_statement(payments.DATABASE_USERS[payments.MIGRATOR]),
                *reads,
            ],
            (event_path.PAYMENTS, event_path.RELAY): [
                database.connect_statement(event_path.RELAY),
                *relay_statements(path),
                *reads,
                *notes,
            ],
            (event_path.PAYMENTS, event_path.ARCHIVER): archiver_statements(path),
            (scorer.NAMESPACE, scorer.NAME): [
                *self.fraud.scorer_statements(log.queue_arns.get(UNSCORED), args.keys[KeyUse.EVENTS]),
                *(self._signals() if UNSCORED in log.queue_arns else ()),
                *reads,
            ],
        }
        for consumer in args.ordered_consumers:
            found[event_path.CONSUMERS, consumer] = consumer_statements(path, log.queue_arns[consumer])
        return found

    def _signals(self) -> Sequence[Statement]:
        """What rescoring reads in the events of payments that passed unscored."""
        args, key = self._args, self._args.keys[KeyUse.SUBJECTS]
        return opens(self.subject_keys_arn, key, Purpose.FRAUD, args.region, args.account_id)

    def _role(self, namespace: str, program: str, statements: Sequence[Statement]) -> None:
        args = self._args
        PodIdentity(
            f"{self._prefix}-{program}",
            PodIdentityArgs(
                region=args.region,
                account_id=args.account_id,
                cluster_name=args.cluster_name,
                cluster_arn=args.cluster_arn,
                namespace=namespace,
                service_account=program,
                policy=policy(*statements),
            ),
            self._child,
        )
