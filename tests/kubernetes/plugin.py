"""The provider behind its own gRPC interface, without the engine: one call costs milliseconds."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from sandbox.aws.provider.codec import decode, encode, unsecret
from sandbox.kubernetes.provider.service import Provider


class Plugin:
    """One configured provider. Inputs and outputs are plain values (with `Secret` and `UNKNOWN` of the codec)."""

    def __init__(self, **inputs: Any) -> None:
        self._server = grpc.server(ThreadPoolExecutor(max_workers=8))
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(), self._server)
        port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self.stub = provider_pb2_grpc.ResourceProviderStub(self._channel)
        self.stub.Configure(provider_pb2.ConfigureRequest(args=encode(inputs)))

    def close(self) -> None:
        self._channel.close()
        self._server.stop(grace=None).wait()

    def check(
        self, token: str, inputs: Mapping[str, Any], olds: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, Any], list[str]]:
        """(inputs as they will be, reasons against them)"""
        request = provider_pb2.CheckRequest(urn=urn(token), news=encode(inputs), olds=encode(olds or {}), name="thing")
        answer = self.stub.Check(request)
        return decode(answer.inputs), [failure.reason for failure in answer.failures]

    def diff(
        self, token: str, olds: Mapping[str, Any], news: Mapping[str, Any], state: Mapping[str, Any] | None = None
    ) -> Any:
        return self.stub.Diff(
            provider_pb2.DiffRequest(
                urn=urn(token), id="x", old_inputs=encode(olds), news=encode(news), olds=encode(state or olds)
            )
        )

    def create(self, token: str, inputs: Mapping[str, Any], timeout_s: float = 0) -> tuple[str, dict[str, Any]]:
        """(id, outputs) after a check without failures."""
        checked, failures = self.check(token, inputs)
        assert failures == []
        request = provider_pb2.CreateRequest(urn=urn(token), properties=encode(checked), timeout=timeout_s)
        answer = self.stub.Create(request)
        return answer.id, decode(answer.properties)

    def update(self, token: str, identity: str, state: Mapping[str, Any], news: Mapping[str, Any]) -> dict[str, Any]:
        request = provider_pb2.UpdateRequest(urn=urn(token), id=identity, olds=encode(state), news=encode(news))
        return decode(self.stub.Update(request).properties)

    def read(
        self, token: str, identity: str, inputs: Mapping[str, Any], state: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """(outputs, inputs), or None when the object is gone."""
        request = provider_pb2.ReadRequest(urn=urn(token), id=identity, inputs=encode(inputs), properties=encode(state))
        answer = self.stub.Read(request)
        return (decode(answer.properties), decode(answer.inputs)) if answer.id else None

    def delete(self, token: str, identity: str, state: Mapping[str, Any], timeout_s: float = 0) -> None:
        request = provider_pb2.DeleteRequest(urn=urn(token), id=identity, properties=encode(state), timeout=timeout_s)
        self.stub.Delete(request)


def urn(token: str) -> str:
    return f"urn:pulumi:test::test::{token}::thing"


def refused(call: Any, *arguments: Any, **named: Any) -> str:
    """The reason of a call that must fail."""
    with pytest.raises(grpc.RpcError) as caught:
        call(*arguments, **named)
    return str(caught.value.details())


def plain(value: Any) -> Any:
    return unsecret(value)
