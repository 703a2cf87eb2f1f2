"""Parameter Store: how long a value may be in its tier.

https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html
"""

from typing import Any

from moto.ssm import models
from moto.ssm.exceptions import ValidationException

from sandbox.aws.extensions.wiring import replace_backend

STANDARD_BYTES = 4096
ADVANCED_BYTES = 8192


class SSMBackend(models.SimpleSystemManagerBackend):  # type: ignore[misc]
    def put_parameter(self, name: str, description: str, value: str, *args: Any, **kwargs: Any) -> models.Parameter:
        tier = kwargs.get("tier") or "Standard"
        size = len((value or "").encode())
        if size > ADVANCED_BYTES:
            raise ValidationException(f"Parameter value has {size} bytes, at most {ADVANCED_BYTES} are allowed.")
        if size > STANDARD_BYTES and tier == "Standard":
            raise ValidationException(
                f"Standard tier parameters support a maximum parameter value of {STANDARD_BYTES} characters. To create "
                "a larger parameter value, upgrade the parameter to use the advanced-parameter tier."
            )
        if tier == "Intelligent-Tiering":
            kwargs["tier"] = "Advanced" if size > STANDARD_BYTES else "Standard"
        return super().put_parameter(name, description, value, *args, **kwargs)


def install() -> None:
    replace_backend(models.ssm_backends, models, SSMBackend)
