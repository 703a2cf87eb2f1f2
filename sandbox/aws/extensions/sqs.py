"""SQS: SetQueueAttributes keeps the policy that it does not name, and RedriveAllowPolicy is given back.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
"""

from collections.abc import Callable
from typing import Any

from moto.sqs.models import Queue

REDRIVE_ALLOW_POLICY = "RedriveAllowPolicy"


def install() -> None:
    set_attributes: Callable[..., None] = Queue._set_attributes
    get_attributes: Callable[[Queue], dict[str, Any]] = Queue.attributes.fget

    def keep_policy(self: Queue, attributes: dict[str, Any], now: float | None = None) -> None:
        # For moto an absent policy is an empty one.
        set_attributes(self, {"Policy": getattr(self, "policy", None), **attributes}, now)

    def with_redrive_allow_policy(self: Queue) -> dict[str, Any]:
        return {name: value for name, value in get_attributes(self).items() if name != REDRIVE_ALLOW_POLICY or value}

    Queue.redrive_allow_policy = None
    Queue.BASE_ATTRIBUTES = [*Queue.BASE_ATTRIBUTES, REDRIVE_ALLOW_POLICY]
    Queue._set_attributes = keep_policy
    Queue.attributes = property(with_redrive_allow_policy)
