"""A region that answers from recordings: each one has the shape that botocore knows of the operation, both ways."""

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import botocore.session
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

from operations.audit.live.collect import Account, collect
from operations.audit.live.region import Recorder, Region

ACCOUNT, REGION = "123456789012", "eu-west-1"

Answers = Mapping[str, Any]
"""``kms.describe_key`` -> an answer, a function of the parameters that returns one, or an error code as
``ClientError``'s."""

_SESSION = botocore.session.get_session()


class Refusal(str):
    """A code by which AWS refuses a call."""


class _Client:
    def __init__(self, service: str, answers: Answers) -> None:
        self._model = _SESSION.get_service_model(service)
        self._service = service
        self._answers = answers
        self.meta = SimpleNamespace(endpoint_url=f"https://{service}.example")

    def can_paginate(self, _operation: str) -> bool:
        return False

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        name = next(n for n in self._model.operation_names if botocore.xform_name(n) == operation)
        model = self._model.operation_model(name)

        def call(**parameters: Any) -> Any:
            _check(parameters, model.input_shape, f"parameters of {name}")
            answer = self._answers.get(f"{self._service}.{operation}", {})
            answer = answer(**parameters) if callable(answer) else answer
            if isinstance(answer, Refusal):
                raise ClientError({"Error": {"Code": str(answer)}, "ResponseMetadata": {}}, name)
            _check(answer, model.output_shape, f"answer of {name}", required=False)
            return {**answer, "ResponseMetadata": {"RequestId": "r", "HTTPStatusCode": 200}}

        return call


def region(answers: Answers, name: str = REGION) -> Region:
    """What is not recorded answers an empty mapping."""
    made: dict[str, _Client] = {}

    def client(service: str, _region: str) -> _Client:
        return made.setdefault(service, _Client(service, answers))

    return Region(account=ACCOUNT, name=name, caller="arn", recorder=Recorder(), client=client)


def read(type_: str, answers: Answers) -> Account:
    """What the reader of a type makes of the recordings."""
    return collect([region(answers)], [type_])


def _check(value: Any, shape: Any, what: str, *, required: bool = True) -> None:
    if shape is None:
        assert not value, f"{what}: nothing is allowed"
        return
    unknown = set(value) - set(shape.members)
    assert not unknown, f"{what}: botocore knows no {sorted(unknown)}"
    report = ParamValidator().validate(value, shape)
    errors = report.generate_report().splitlines()
    assert not [e for e in errors if required or not e.startswith("Missing required")], f"{what}: {errors}"
