"""The words that components, policies and operations share, as they stand on the wire (tags, config, labels)."""

from collections.abc import Mapping
from enum import StrEnum


class DataClass(StrEnum):
    """What a resource holds, in rising order of harm when it leaks. Not a use (`KeyUse`), not a place (jurisdiction).

    A durable store without this tag is treated as `PERSONAL` by the policies.
    """

    PUBLIC = "public"
    """Meant for everybody: published certificates, status pages. Not: anything merely reachable from the internet."""
    INTERNAL = "internal"
    """Harmless outside, but nobody's business: metrics, routing tables. Not: logs that can hold a request."""
    CONFIDENTIAL = "confidential"
    """Opens or describes something worth attacking: credentials, control-plane and network logs. Not: people's data."""
    PERSONAL = "personal"
    """Says something about an identifiable person (GDPR Article 4(1)). Not: pseudonyms whose key was erased."""
    PAYMENTS = "payments"
    """Moves or proves money, and therefore also personal: shards, event stream, archive."""


class Environment(StrEnum):
    """How much a stack may lose. Not a region, not an account: several environments may share both."""

    PRODUCTION = "production"
    """Real money: protected, locked in compliance mode, redundant over zones."""
    STAGING = "staging"
    """Built like production, with made-up data. Not: a place for copies of production data."""
    DEVELOPMENT = "development"
    """Leaves nothing behind when it is destroyed: no protection, governance locks, short windows."""


class Strategy(StrEnum):
    """How much of a replica runs while it waits. Not how much data it has: that is the same in all that have a database
    (https://docs.aws.amazon.com/whitepapers/latest/disaster-recovery-workloads-on-aws/disaster-recovery-options-in-the-cloud.html).
    """

    BACKUP_RESTORE = "backup-restore"
    """Nothing runs: copies of backups and of the archive are in the recovery region."""
    PILOT_LIGHT = "pilot-light"
    """Data is live, one small database instance a shard; of the cluster only what every cluster has."""
    WARM_STANDBY = "warm-standby"
    """Everything runs at its smallest size, and takes payments at once while it grows."""
    HOT = "hot"
    """Everything runs at the primary's size."""


class Compute(StrEnum):
    """Who runs a cluster's nodes and what every cluster needs on them. Not a size: both take the same node groups."""

    MANAGED = "managed"
    """EKS node groups and managed add-ons: launch template, versions and pace of updates are ours."""
    AUTO = "auto"
    """EKS Auto Mode: AWS starts, patches and ends nodes, and runs CNI, DNS, volumes and target registration."""


class Controller(StrEnum):
    """Programs that a cluster with managed compute runs itself. In Auto Mode AWS runs both, outside the cluster.

    The value is the name of service account, workload, image and repository.
    """

    AUTOSCALER = "autoscaler"
    """Starts and ends nodes. Not: what adds pods to a workload."""
    BALANCER = "load-balancer"
    """Registers pods with the edge's target group. Not: the load balancer, which is the edge's."""


class Tier(StrEnum):
    """Kinds of subnet, by what they reach. Not a data class: a data subnet is a place, its stores carry classes.

    In descending order of size, which is their order in a zone's block (`components.addresses`).
    """

    WORKLOAD = "workload"
    """Default route to NAT: nodes, pods and interface endpoints."""
    DATA = "data"
    """No route that leaves the VPC: databases and caches."""
    PUBLIC = "public"
    """Default route to the internet gateway: load balancers and NAT gateways only. Never nodes or stores."""


class KeyUse(StrEnum):
    """What a KMS key of the cell encrypts or signs; each use has its own key. Not a data class: uses may share one."""

    PAYMENTS = "payments"
    """Aurora shards with their snapshots and performance data."""
    SECRETS = "secrets"
    """Secrets Manager secrets and SecureString parameters. Not: Kubernetes secrets (`CLUSTER`)."""
    EVENTS = "events"
    """Messages in flight: stream, queues, topics, bus. Not: their archive."""
    ARCHIVE = "archive"
    """The event archive bucket."""
    CLUSTER = "cluster"
    """Envelope encryption of Kubernetes secrets. Not: the nodes' disks."""
    VOLUMES = "volumes"
    """EBS volumes of nodes and pods."""
    IMAGES = "images"
    """Container images of the cell's registry. Not: what runs in them."""
    LOGS = "logs"
    """CloudWatch log groups. Not: the audit trail."""
    AUDIT = "audit"
    """Trail, recorder and evidence buckets."""
    BACKUP = "backup"
    """Backup vaults: their own key, so that who can read a store cannot read its backups."""
    SUBJECTS = "subjects"
    """Wraps the data keys of data subjects. Erasure destroys a data key, never this one."""
    FRAUD = "fraud"
    """Features, decisions and models of the fraud decision, and the key of its pseudonyms."""
    ENVELOPE = "envelope"
    """Wraps data keys of ciphertext that both regions of a pair read."""
    EVIDENCE = "evidence"
    """Signs evidence bundles (asymmetric). Encrypts nothing."""


class Program(StrEnum):
    """Programs that carry a payment; a cell runs all of them or none. Not a workload: one image can have several.

    The value is the name of image and repository.
    """

    GATEWAY = "gateway"
    """Envoy: the gateway behind the edge, and the egress gateways to the banks."""
    PAYMENTS = "payments"
    """The payments API, what makes its schema, and what settles payments of unknown outcome."""
    RELAY = "relay"
    """Outbox to stream, stream to archive, queue to consumer."""
    SCORER = "scorer"
    """The fraud decision."""


class TagKey(StrEnum):
    """Tag keys that the policies read; `CELL`, `ENVIRONMENT`, `DATA_ORIGIN` and `EXPIRES` are the provider's default
    tags."""

    CELL = "payment-cell:cell"
    ENVIRONMENT = "payment-cell:environment"
    DATA_CLASS = "payment-cell:data-class"
    DATA_ORIGIN = "payment-cell:data-origin"
    """``synthetic``: what the stack holds is made up, of no real person and no real payment. Absent: it is real."""
    JURISDICTION = "payment-cell:jurisdiction"
    USE = "payment-cell:use"
    """What a store is for, where a rule depends on it: AWS accepts only its own key for ``load-balancer-access-logs``,
    no backup may hold ``subject-keys``, ``permissions-boundary`` grants nothing, trails write to ``audit-trail``,
    ``break-glass`` is a role for emergencies."""
    BACKUP = "payment-cell:backup"
    """``vault``: the cell's backup plan selects the resource. Absent: it has another recovery source, or needs none."""
    DRILL = "payment-cell:drill"
    """``restore``: a restore drill made the resource and removes it; no state has it."""
    EXPIRES = "payment-cell:expires"
    """Last day (ISO 8601) of a cell for testing; no policy reads it, whoever looks at a bill does. Absent: it stays."""


SYNTHETIC = "synthetic"
"""Data of no real person and no real payment. What only redundancy or a longer time gives is not asked of it outside
of production; keys, networks and access are."""

BREAK_GLASS = "break-glass"
"""Use of a role for emergencies, and last part of its name: MFA, four hours at most, an alarm on each use (IAM-07)."""

AUDIT_TRAIL = "audit-trail"
"""Use of a bucket that trails of other stacks write to: it is locked (LOG-03), and no trail records it (LOG-02)."""

SUBJECT_KEYS = "subject-keys"
"""Use of the table with the data keys of data subjects. A copy that outlives an erased key would undo the erasure
(KEY-07), so it is never backed up beyond its own point-in-time recovery."""


def tags(
    data_class: DataClass,
    *,
    jurisdiction: str | None = None,
    use: str | None = None,
    name: str | None = None,
    backup: bool = False,
) -> Mapping[str, str]:
    """Tags of one resource: its data class, on data-bearing ones the jurisdiction (a key of
    `catalogue/jurisdictions.yaml`: `eu`, `us`, `au`, `br`), the `Name` that the EC2 console shows, and whether the
    cell's backup plan takes it. Raises `ValueError` for a backup of `SUBJECT_KEYS`.
    """
    if backup and use == SUBJECT_KEYS:
        raise ValueError("tags: subject keys are never backed up (control KEY-07): an erased key would come back")
    result = {TagKey.DATA_CLASS.value: data_class.value}
    if jurisdiction is not None:
        result[TagKey.JURISDICTION.value] = jurisdiction
    if use is not None:
        result[TagKey.USE.value] = use
    if name is not None:
        result["Name"] = name
    if backup:
        result[TagKey.BACKUP.value] = "vault"
    return result


OWN_IDENTITY = "PAYMENT_CELL_RUNNER"
"""Environment variable of whoever has the role already that it is meant to have, and so does not assume the account's
deploy role: the cell's runner, and the workflows in `.github/` (`docs/workflows.md`)."""
