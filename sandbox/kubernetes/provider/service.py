"""The gRPC side: Pulumi's ResourceProvider over `Actions`."""

import itertools
import json
import sys
import threading
from collections.abc import Callable, Mapping
from importlib.metadata import version as installed_version
from typing import Any, NoReturn

import grpc
import yaml
from google.protobuf import any_pb2, empty_pb2

# Not Pulumi's own copy: both register `google.rpc.Status`, and a process that has Envoy's messages holds this one.
from google.rpc import status_pb2
from pulumi.runtime.proto import (
    engine_pb2,
    engine_pb2_grpc,
    plugin_pb2,
    provider_pb2,
    provider_pb2_grpc,
)

from sandbox.aws.provider.codec import decode, encode, unsecret
from sandbox.kubernetes.errors import ApiError, ConfigError, Unreachable
from sandbox.kubernetes.provider import settings
from sandbox.kubernetes.provider.actions import Actions, NotReady, Rejected, Say
from sandbox.kubernetes.provider.cluster import Cluster
from sandbox.kubernetes.provider.diff import difference
from sandbox.kubernetes.provider.manifests import Kind, Manifest, kind_of, random_name

MESSAGE_BYTES = 400 * 1024 * 1024
"""Largest gRPC message; the engine's own limit."""

_UNSERVED = {
    "kubernetes:helm.sh/v3:Release": "Helm releases",
    "kubernetes:helm.sh/v4:Chart": "Helm charts",
    "kubernetes:yaml/v2:ConfigFile": "yaml/v2 components",
    "kubernetes:yaml/v2:ConfigGroup": "yaml/v2 components",
    "kubernetes:kustomize/v2:Directory": "Kustomize",
    "kubernetes:helm:template": "Helm charts",
    "kubernetes:kustomize:directory": "Kustomize",
}

_SEVERITIES = {"info": engine_pb2.INFO, "status": engine_pb2.INFO, "warning": engine_pb2.WARNING}


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """One provider process; the engine calls it from many threads."""

    def __init__(self, engine_address: str | None = None) -> None:
        self._engine: Any = None
        self._actions: Actions | None = None
        self._cluster: Cluster | None = None
        self._said: set[tuple[str, str]] = set()
        self._lock = threading.Lock()
        self._connect(engine_address)

    # Plumbing

    def _connect(self, address: str | None) -> None:
        if address and self._engine is None:
            options = [("grpc.max_receive_message_length", MESSAGE_BYTES)]
            self._engine = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address, options=options))

    def _say(self, urn: str) -> Say:
        def say(severity: str, text: str) -> None:
            with self._lock:
                if (urn, text) in self._said:
                    return
                self._said.add((urn, text))
            if self._engine is None:
                print(text, file=sys.stderr)
                return
            request = engine_pb2.LogRequest(
                severity=_SEVERITIES[severity], message=text, urn=urn, ephemeral=severity == "status"
            )
            self._engine.Log(request)

        return say

    def _verbs(self) -> Actions:
        if self._actions is None:
            raise ConfigError("the provider was not configured")
        return self._actions

    def Handshake(self, request: Any, _context: Any) -> Any:
        self._connect(request.engine_address)
        return provider_pb2.ProviderHandshakeResponse(
            accept_secrets=True, accept_resources=False, accept_outputs=False, supports_autonaming_configuration=True
        )

    def Attach(self, request: Any, _context: Any) -> Any:
        self._connect(request.address)
        return empty_pb2.Empty()

    def GetPluginInfo(self, _request: Any, _context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=installed_version("pulumi-kubernetes"))

    def GetSchema(self, _request: Any, _context: Any) -> Any:
        return provider_pb2.GetSchemaResponse(schema=json.dumps({"name": "kubernetes"}))

    def Cancel(self, _request: Any, _context: Any) -> Any:
        return empty_pb2.Empty()

    # Configuration

    def CheckConfig(self, request: Any, _context: Any) -> Any:
        return provider_pb2.CheckResponse(
            inputs=request.news, failures=_failures(settings.failures(decode(request.news)))
        )

    def DiffConfig(self, request: Any, _context: Any) -> Any:
        olds = decode(request.old_inputs) or decode(request.olds)
        changed, replaces = settings.changes(olds, decode(request.news))
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE,
            diffs=changed,
            replaces=replaces,
        )

    def Configure(self, request: Any, _context: Any) -> Any:
        variables = {name.removeprefix("kubernetes:config:"): value for name, value in request.variables.items()}
        values = decode(request.args) if request.HasField("args") else variables
        self._cluster = Cluster(settings.read(values), lambda text: self._say(request.urn)("warning", text))
        self._actions = Actions(self._cluster)
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, supports_autonaming_configuration=True
        )

    # Resources

    def Check(self, request: Any, context: Any) -> Any:
        news = decode(request.news)
        kind = self._kind(request.urn, news, context)

        def name() -> str:
            return _automatic_name(request)

        try:
            inputs, failures = self._verbs().check(kind, decode(request.olds), news, name, self._say(request.urn))
        except (ConfigError, Unreachable, ApiError) as error:
            _abort(context, str(error))
        return provider_pb2.CheckResponse(inputs=encode(inputs), failures=_failures(failures))

    def Diff(self, request: Any, context: Any) -> Any:
        news, state = decode(request.news), decode(request.olds)
        olds = decode(request.old_inputs) if request.HasField("old_inputs") else state
        kind = self._kind(request.urn, news, context)
        assert self._cluster is not None
        try:
            found = difference(self._cluster, kind, olds, news, state, tuple(request.ignoreChanges))
        except (ConfigError, Unreachable, ApiError) as error:
            _abort(context, str(error))
        some = provider_pb2.DiffResponse.DIFF_SOME
        return provider_pb2.DiffResponse(
            changes=some if found.changes else provider_pb2.DiffResponse.DIFF_NONE,
            replaces=sorted(found.replaces),
            diffs=sorted({_top(change.path) for change in found.changes}),
            deleteBeforeReplace=found.delete_first,
            detailedDiff={
                change.path: provider_pb2.PropertyDiff(
                    kind=getattr(
                        provider_pb2.PropertyDiff,
                        change.operation + ("_REPLACE" if change.path in found.replaces else ""),
                    ),
                    inputDiff=True,
                )
                for change in found.changes
            },
            hasDetailedDiff=True,
        )

    def Create(self, request: Any, context: Any) -> Any:
        inputs = decode(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(properties=request.properties)
        kind = self._kind(request.urn, inputs, context)
        work = self._guarded(context, inputs)
        identity, state = work(lambda: self._verbs().create(kind, inputs, request.timeout, self._say(request.urn)))
        return provider_pb2.CreateResponse(id=identity, properties=encode(state))

    def Update(self, request: Any, context: Any) -> Any:
        inputs = decode(request.news)
        if request.preview:
            return provider_pb2.UpdateResponse(properties=request.news)
        kind = self._kind(request.urn, inputs, context)
        state = decode(request.olds)
        work = self._guarded(context, inputs)
        found = work(lambda: self._verbs().update(kind, inputs, state, request.timeout, self._say(request.urn)))
        return provider_pb2.UpdateResponse(properties=encode(found))

    def Read(self, request: Any, context: Any) -> Any:
        inputs, state = decode(request.inputs), decode(request.properties)
        kind = self._kind(request.urn, inputs or state, context)
        found = self._guarded(context, inputs)(lambda: self._verbs().read(kind, request.id, inputs, state))
        if found is None:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(id=request.id, properties=encode(found.outputs), inputs=encode(found.inputs))

    def Delete(self, request: Any, context: Any) -> Any:
        state = decode(request.properties)
        kind = self._kind(request.urn, state, context)
        say = self._say(request.urn)
        self._guarded(context, {})(lambda: self._verbs().delete(kind, request.id, state, request.timeout, say))
        return empty_pb2.Empty()

    # Functions and components

    def Invoke(self, request: Any, context: Any) -> Any:
        if request.tok != "kubernetes:yaml:decode":
            what = _UNSERVED.get(request.tok, request.tok)
            _abort(context, f"{what}: not served by the sandbox's Kubernetes provider", grpc.StatusCode.UNIMPLEMENTED)
        arguments = unsecret(decode(request.args))
        try:
            documents = [document for document in yaml.safe_load_all(str(arguments.get("text", ""))) if document]
        except yaml.YAMLError as error:
            _abort(context, f"not valid YAML: {error}")
        items = itertools.chain.from_iterable(
            document["items"] if str(document.get("kind", "")).endswith("List") and "items" in document else [document]
            for document in documents
        )
        return provider_pb2.InvokeResponse(
            **{"return": encode({"result": json.loads(json.dumps([*items], default=str))})}
        )

    def Construct(self, request: Any, context: Any) -> NoReturn:
        what = _UNSERVED.get(request.type, request.type)
        _abort(context, f"{what}: not served by the sandbox's Kubernetes provider", grpc.StatusCode.UNIMPLEMENTED)

    def _kind(self, urn: str, inputs: Mapping[str, Any], context: Any) -> Kind:
        token = urn.split("::")[2].rpartition("$")[2]
        if token in _UNSERVED:
            message = f"{_UNSERVED[token]}: not served by the sandbox's Kubernetes provider"
            _abort(context, message, grpc.StatusCode.UNIMPLEMENTED)
        return kind_of(token, unsecret(inputs.get("kind")))

    def _guarded(self, context: Any, inputs: Manifest) -> Callable[[Callable[[], Any]], Any]:
        """Run an operation; its failures become gRPC statuses as the engine reads them."""

        def run(operation: Callable[[], Any]) -> Any:
            try:
                return operation()
            except NotReady as error:
                _abort_initialised(context, error, inputs)
            except (Rejected, ConfigError, Unreachable, ApiError) as error:
                _abort(context, str(error))

        return run


def _top(path: str) -> str:
    return path.partition(".")[0].partition("[")[0]


def _automatic_name(request: Any) -> str:
    name = request.name or request.urn.split("::")[-1]
    if request.HasField("autonaming"):
        options = request.autonaming
        if options.mode == provider_pb2.CheckRequest.AutonamingOptions.DISABLE:
            return str(name)
        return str(options.proposed_name)
    return random_name(str(name))


def _failures(found: list[tuple[str, str]]) -> list[Any]:
    return [provider_pb2.CheckFailure(property=name, reason=reason) for name, reason in found]


def _abort(context: Any, message: str, code: grpc.StatusCode = grpc.StatusCode.UNKNOWN) -> NoReturn:
    context.abort(code, message)
    raise AssertionError("abort raises")


def _abort_initialised(context: Any, error: NotReady, inputs: Manifest) -> NoReturn:
    """Tell the engine that the object exists: it goes into state, and the next update tries again."""
    detail = provider_pb2.ErrorResourceInitFailed(
        id=error.identity, properties=encode(error.outputs), reasons=[str(error)], inputs=encode(inputs)
    )
    packed = any_pb2.Any()
    packed.Pack(detail)
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(error), details=[packed])
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    _abort(context, str(error))
