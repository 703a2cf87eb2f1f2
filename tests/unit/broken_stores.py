"""Mutations of stores, keys, logs, events and where data lies."""

from mutations import ACCOUNT, CELL, Mutation, setting

TRAIL, KEY, TABLE = "aws:cloudtrail/trail:Trail", "aws:kms/key:Key", "aws:dynamodb/table:Table"
CLUSTER = "aws:rds/cluster:Cluster"

MUTATIONS = (
    Mutation(sees="KEY-03 rotates_within_a_year", stack=CELL, type=KEY, change=setting("enableKeyRotation", False)),
    Mutation(
        sees="BCK-01 keeps_seven_to_thirty_five_days",
        stack=CELL,
        type=CLUSTER,
        change=setting("backupRetentionPeriod", 1),
    ),
    Mutation(
        sees="BCK-01 table_has_point_in_time_recovery",
        stack=CELL,
        type=TABLE,
        name="fraud",
        change=setting("pointInTimeRecovery.enabled", False),
    ),
    Mutation(
        sees="BCK-05 is_protected_against_deletion",
        stack=CELL,
        type=CLUSTER,
        change=setting("deletionProtection", False),
    ),
    Mutation(sees="LOG-01 covers_all_regions", stack=ACCOUNT, type=TRAIL, change=setting("isMultiRegionTrail", False)),
)
