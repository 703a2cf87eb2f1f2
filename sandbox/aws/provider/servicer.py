"""The gRPC side: what the engine asks, translated for :mod:`lifecycle`, :mod:`check` and :mod:`diff`."""

import json
import os
import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import grpc
from google.protobuf import any_pb2, empty_pb2

from sandbox.aws.provider import config as provider_config
from sandbox.aws.provider import schema, state
from sandbox.aws.provider.check import Naming, check
from sandbox.aws.provider.clients import ClientPool, CredentialError
from sandbox.aws.provider.codec import decode, encode, has_unknown, secret_names, unsecret
from sandbox.aws.provider.config import ProviderConfig
from sandbox.aws.provider.diff import diff
from sandbox.aws.provider.errors import OperationError, Partial
from sandbox.aws.provider.invokes import INVOKES
from sandbox.aws.provider.lifecycle import Operations, Resource
from sandbox.aws.provider.wire import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2
from sandbox.aws.table import entries

R = TypeVar("R")


class RpcStatus(NamedTuple):
    """An error with details (``grpc.Status``)."""

    code: grpc.StatusCode
    details: str
    trailing_metadata: tuple[tuple[str, bytes], ...] = ()


class Refused(Exception):
    """The request is wrong: unknown type, wrong arguments, not configured."""


class AwsProvider(provider_pb2_grpc.ResourceProviderServicer):  # type: ignore[misc]
    """One provider process; the engine configures it once an operation and then calls from many threads."""

    def __init__(self) -> None:
        self._operations: Operations | None = None
        self._unknown_config = False
        self._config = ProviderConfig()
        self._cancelled = threading.Event()

    # ---- the provider itself

    def Handshake(self, request: Any, context: Any) -> Any:  # noqa: ARG002
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, supports_autonaming_configuration=True)

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: ARG002
        return plugin_pb2.PluginInfo(version=schema.sdk_version())

    def Attach(self, request: Any, context: Any) -> Any:  # noqa: ARG002
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: ARG002
        self._cancelled.set()
        return empty_pb2.Empty()

    def GetSchema(self, request: Any, context: Any) -> Any:  # noqa: ARG002
        return provider_pb2.GetSchemaResponse(schema=json.dumps({"name": "aws", "version": schema.sdk_version()}))

    def GetMapping(self, request: Any, context: Any) -> Any:  # noqa: ARG002
        return provider_pb2.GetMappingResponse()

    def GetMappings(self, request: Any, context: Any) -> Any:  # noqa: ARG002
        return provider_pb2.GetMappingsResponse()

    def CheckConfig(self, request: Any, context: Any) -> Any:
        def run() -> Any:
            news = decode(request.news)
            failures = [_failure(problem.path, problem.reason) for problem in provider_config.check(news)]
            return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

        return _answer(context, run)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        def run() -> Any:
            old, new = decode(request.old_inputs), decode(request.news)
            names = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
            return provider_pb2.DiffResponse(changes=_changes(bool(names)), diffs=names)

        return _answer(context, run)

    def Configure(self, request: Any, context: Any) -> Any:
        def run() -> Any:
            args = decode(request.args)
            self._unknown_config = has_unknown(
                {k: provider_config.parsed({k: v}, schema.provider())[k] for k, v in args.items()}
            )
            if not self._unknown_config:
                self._configure(args)
            return provider_pb2.ConfigureResponse(
                acceptSecrets=True, supportsPreview=True, supports_autonaming_configuration=True
            )

        return _answer(context, run)

    def _configure(self, args: Mapping[str, Any]) -> None:
        self._config = provider_config.load(unsecret(args), os.environ)
        if not self._config.region:
            raise Refused(
                "region: the provider has no region; set aws:region, AWS_REGION or the provider's region argument"
            )
        clients = ClientPool(self._config)
        if not self._config.skip_credentials:
            _ = clients.account_id
        # An engine attached to a provider that serves several of its operations: what was cancelled before is over.
        self._cancelled = threading.Event()
        self._operations = Operations(config=self._config, clients=clients, cancelled=self._cancelled)

    def Invoke(self, request: Any, context: Any) -> Any:
        def run() -> Any:
            found = INVOKES.get(request.tok)
            if found is None:
                served = ", ".join(INVOKES)
                raise Refused(
                    f"{request.tok} is not served: programs look nothing up while planning (served: {served})"
                )
            ready = self._ready()
            args = unsecret(decode(request.args))
            return provider_pb2.InvokeResponse(**{"return": encode(found(ready.config, ready.clients, args))})

        return _answer(context, run)

    # ---- resources

    def Check(self, request: Any, context: Any) -> Any:
        def run() -> Any:
            token = _token(request)
            known = schema.resource(token)
            if known is None:
                raise Refused(f"{token} is not a resource type of pulumi-aws {schema.sdk_version()}")
            checked = check(
                types=known,
                entry=entries().get(token),
                name=_name(request),
                news=decode(request.news),
                olds=unsecret(decode(request.olds)),
                config=self._config,
                naming=_naming(request),
            )
            # The engine shows "property X value V" when a failure names its property; V may be a secret.
            failures = [_failure("", f"{problem.path}: {problem.reason}") for problem in checked.problems]
            return provider_pb2.CheckResponse(inputs=encode(checked.inputs), failures=failures)

        return _answer(context, run)

    def Diff(self, request: Any, context: Any) -> Any:
        def run() -> Any:
            token = _token(request)
            outputs, news = unsecret(decode(request.olds)), unsecret(decode(request.news))
            olds = unsecret(decode(request.old_inputs)) if request.HasField("old_inputs") else outputs
            difference = diff(
                types=_types(token),
                entry=entries().get(token),
                outputs=outputs,
                old=olds,
                new=news,
                region=self._config.region,
            )
            details = {
                path: provider_pb2.PropertyDiff(
                    kind=f"{kind}_REPLACE" if path in difference.replaces else kind.value, inputDiff=True
                )
                for path, kind in difference.changes.items()
            }
            tops = sorted({path.split(".")[0].split("[")[0] for path in difference.changes})
            return provider_pb2.DiffResponse(
                changes=_changes(bool(details)),
                replaces=sorted(difference.replaces),
                deleteBeforeReplace=difference.delete_first,
                diffs=tops,
                detailedDiff=details,
                hasDetailedDiff=True,
            )

        return _answer(context, run)

    def Create(self, request: Any, context: Any) -> Any:
        def run() -> Any:
            token, inputs = _token(request), decode(request.properties)
            entry = entries().get(token)
            if request.preview or self._unknown_config:
                planned = state.planned(types=_types(token), entry=entry, inputs=inputs)
                return provider_pb2.CreateResponse(properties=self._encoded(token, planned, inputs))
            if entry is None:
                planned = state.planned(types=_types(token), entry=None, inputs=inputs)
                return provider_pb2.CreateResponse(id=_name(request), properties=self._encoded(token, planned, inputs))
            made = self._ready().create(self._resource(request), inputs)
            return provider_pb2.CreateResponse(id=made.id, properties=encode(made.outputs))

        return _answer(context, run)

    def Read(self, request: Any, context: Any) -> Any:
        def run() -> Any:
            token, outputs, inputs = _token(request), decode(request.properties), decode(request.inputs)
            if token not in entries():
                if not outputs.get(state.NOT_EMULATED):
                    raise Refused(f"{token} is not emulated: there is nothing to read")
                return provider_pb2.ReadResponse(id=request.id, properties=request.properties, inputs=request.inputs)
            found = self._ready().read(self._resource(request), request.id, outputs, inputs)
            if found is None:
                return provider_pb2.ReadResponse()
            return provider_pb2.ReadResponse(id=found.id, properties=encode(found.outputs), inputs=encode(found.inputs))

        return _answer(context, run)

    def Update(self, request: Any, context: Any) -> Any:
        def run() -> Any:
            token = _token(request)
            outputs, olds, news = decode(request.olds), decode(request.old_inputs), decode(request.news)
            entry = entries().get(token)
            if request.preview or entry is None or self._unknown_config:
                planned = state.replanned(types=_types(token), entry=entry, outputs=outputs, olds=olds, news=news)
                return provider_pb2.UpdateResponse(properties=self._encoded(token, planned, {**outputs, **news}))
            done = self._ready().update(self._resource(request), request.id, outputs, olds, news)
            return provider_pb2.UpdateResponse(properties=encode(done.outputs))

        return _answer(context, run)

    def Delete(self, request: Any, context: Any) -> Any:
        def run() -> Any:
            if _token(request) in entries():
                self._ready().delete(self._resource(request), request.id, decode(request.properties))
            return empty_pb2.Empty()

        return _answer(context, run)

    def _ready(self) -> Operations:
        if self._operations is None:
            raise Refused("the provider is not configured yet")
        return self._operations

    def _resource(self, request: Any) -> Resource:
        token = _token(request)
        return Resource(
            token=token,
            name=_name(request),
            types=_types(token),
            entry=entries()[token],
            timeout_s=getattr(request, "timeout", 0.0),
        )

    def _encoded(self, token: str, values: Mapping[str, Any], like: Mapping[str, Any]) -> Any:
        return encode(state.secretly(_types(token), values, secret_names(like)))


def _token(request: Any) -> str:
    return str(request.type or request.urn.split("::")[2].rpartition("$")[2])


def _name(request: Any) -> str:
    return str(request.name or request.urn.rpartition("::")[2])


def _types(token: str) -> schema.ResourceSchema:
    known = schema.resource(token)
    if known is None:
        raise Refused(f"{token} is not a resource type of pulumi-aws {schema.sdk_version()}")
    return known


def _naming(request: Any) -> Naming:
    mode = provider_pb2.CheckRequest.AutonamingOptions.Mode.Name(request.autonaming.mode)
    return Naming(seed=request.randomSeed, proposed=request.autonaming.proposed_name, mode=mode)


def _failure(path: str, reason: str) -> Any:
    return provider_pb2.CheckFailure(property=path, reason=reason)


def _changes(some: bool) -> Any:
    return provider_pb2.DiffResponse.DIFF_SOME if some else provider_pb2.DiffResponse.DIFF_NONE


def _answer(context: Any, run: Callable[[], R]) -> R:
    """Run one request; known failures become gRPC errors whose text is for people."""
    try:
        return run()
    except Partial as error:
        context.abort_with_status(_partial_status(error))
    except (OperationError, Refused, CredentialError) as error:
        context.abort(grpc.StatusCode.UNKNOWN, str(error))
    raise AssertionError("abort raises")


def _partial_status(error: Partial) -> RpcStatus:
    """``ErrorResourceInitFailed``: the engine keeps the resource in state and tries to finish it in the next run."""
    detail = any_pb2.Any()
    detail.Pack(
        provider_pb2.ErrorResourceInitFailed(
            id=error.id, properties=encode(error.outputs), reasons=[str(error)], inputs=encode(error.inputs)
        )
    )
    code = grpc.StatusCode.UNKNOWN
    status = status_pb2.Status(code=code.value[0], message=str(error), details=[detail])
    return RpcStatus(code, str(error), (("grpc-status-details-bin", status.SerializeToString()),))
