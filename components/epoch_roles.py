"""What programs may do in the epoch store of their cell's pair (`contracts/epoch.py`): read who writes, and the relay
note what it sends again. None of them may say who writes. `primary`: stack of the pair's primary."""

from components.iam import Statement, allow
from contracts.epoch import REGENERATED, epoch_table


def reads_writer(primary: str, region: str, account_id: str) -> list[Statement]:
    """What the writer's lease needs. The table has DynamoDB's own key, so no right over a key."""
    return [allow("ReadWriter", ["dynamodb:GetItem"], [_arn(primary, region, account_id)])]


def notes_regeneration(primary: str, region: str, account_id: str) -> list[Statement]:
    """Items `regenerated#...` and no other
    (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html)."""
    own = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{REGENERATED}*"]}}
    return [allow("NoteRegeneration", ["dynamodb:PutItem"], [_arn(primary, region, account_id)], when=own)]


def _arn(primary: str, region: str, account_id: str) -> str:
    return f"arn:aws:dynamodb:{region}:{account_id}:table/{epoch_table(primary)}"
