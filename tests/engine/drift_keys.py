"""Keys."""

from drift import Change, Hands, Undo

KEY = "aws:kms/key:Key"


def _rotation_off(hands: Hands) -> Undo:
    kms, key = hands.client("kms"), hands.outputs(KEY, "payments")["id"]
    kms.disable_key_rotation(KeyId=key)
    return lambda: kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=365)


CHANGES = (Change(sees="KEY-03 rotates_within_a_year", does=_rotation_off, reads=(KEY,)),)
