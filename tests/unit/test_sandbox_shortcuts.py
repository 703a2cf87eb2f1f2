"""A reset empties every service, also those that were found by a short way."""

import pytest
from moto.autoscaling.models import autoscaling_backends
from moto.core import responses
from moto.core.base_backend import BackendDict
from moto.elbv2.models import elbv2_backends

from sandbox.aws import shortcuts

ACCOUNT = "123456789012"
REGION = "eu-west-1"


def test_a_service_that_another_one_looks_up_while_it_is_reset_is_reset_the_next_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(BackendDict, "_instances", [])
    monkeypatch.setattr(BackendDict, "__getitem__", BackendDict.__getitem__)
    monkeypatch.setattr(responses, "method_names_from_class", responses.method_names_from_class)
    shortcuts.install()
    for services in (elbv2_backends, autoscaling_backends):
        services.clear()
        services[ACCOUNT][REGION]
    BackendDict.reset()

    elbv2_backends[ACCOUNT][REGION].load_balancers["left"] = "over"
    BackendDict.reset()

    assert elbv2_backends[ACCOUNT][REGION].load_balancers == {}
