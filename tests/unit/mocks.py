"""Runs components without an engine and returns what they registered, in an update or in a preview with unknowns.

    cell = run(lambda: Network("test", NetworkArgs(...)))
    assert cell.one("aws:ec2/vpc:Vpc").inputs["cidrBlock"] == "10.0.0.0/16"

Pulumi's mocks know neither parent nor protect nor dependencies. The requests that reach the monitor do: they are
recorded as well. Aliases and transforms need the engine.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi.runtime import mocks, rpc

GLOBAL_SERVICES = frozenset({"iam", "route53"})
"""AWS modules whose resources have no region."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """One registered resource; inputs have the names of the wire (camelCase), see `is_unknown`."""

    urn: str
    type: str
    name: str
    inputs: Mapping[str, Any]
    parent: str
    """URN of the parent; the stack is ""."""
    protect: bool
    retain: bool
    ignore_changes: tuple[str, ...]
    dependencies: frozenset[str]
    """URNs that this resource waits for, through `depends_on` or an input."""
    references: Mapping[str, tuple[str, ...]]
    """Input -> URNs that its value comes from."""
    state: Mapping[str, Any]
    """Inputs and what the mocked AWS adds, the id among them; in a preview the inputs."""
    outputs: dict[str, Any]
    """Of a component: what it gave to `register_outputs`; empty until then."""

    def document(self, key: str = "policy") -> dict[str, Any]:
        """A JSON input, parsed."""
        parsed = json.loads(self.inputs[key])
        assert isinstance(parsed, dict)
        return parsed

    def statement(self, sid: str, key: str = "policy") -> dict[str, Any]:
        """The statement `sid` of a policy document."""
        found = [s for s in self.document(key)["Statement"] if s["Sid"] == sid]
        assert len(found) == 1, f"{self.name} has {len(found)} statements {sid}"
        return dict(found[0])


@dataclass(frozen=True, kw_only=True, slots=True)
class Registered:
    """All that one run registered, in order."""

    resources: list[Recorded] = field(default_factory=list)

    def __iter__(self) -> Iterator[Recorded]:
        return iter(self.resources)

    def of(self, type_: str) -> dict[str, Recorded]:
        """Logical name -> resource of a type token."""
        return {resource.name: resource for resource in self.resources if resource.type == type_}

    def one(self, type_: str, name: str | None = None) -> Recorded:
        """The only resource of a type, or the one with this name."""
        found = [r for r in self.resources if r.type == type_ and name in (None, r.name)]
        assert len(found) == 1, f"{len(found)} of {type_} {name or ''}: {[r.name for r in found]}"
        return found[0]

    def waits_for(self, resource: Recorded) -> set[str]:
        """`type name` of everything that is there before the resource is made, over any number of steps."""
        by_urn = {known.urn: known for known in self.resources}
        seen: set[str] = set()
        rest = [resource.urn]
        while rest:
            for urn in by_urn[rest.pop()].dependencies - seen:
                seen.add(urn)
                rest.append(urn)
        return {f"{by_urn[urn].type} {by_urn[urn].name}" for urn in seen}


def is_unknown(value: object) -> bool:
    """Whether an input of a preview depends on what only an update will know."""
    return isinstance(value, pulumi.output.Unknown)


Outputs = Callable[[str, str, Mapping[str, Any]], Mapping[str, Any]]
"""(type, name, inputs) -> computed properties that the default ones lack."""


def run(program: Callable[[], object], *, preview: bool = False, outputs: Outputs | None = None) -> Registered:
    """Runs `program` and returns what it registered. In a preview no resource has an id or computed property yet."""
    registered = Registered()
    monitor = _Monitor(_Mocks(preview=preview, outputs=outputs), registered)
    mocks.set_mocks(monitor.mocks, project="payment-cell", stack="test", preview=preview, monitor=monitor)

    def body() -> None:
        program()

    pulumi.runtime.test(body)()  # type: ignore[no-untyped-call]  # waits for all registrations
    return registered


def assert_regional(registered: Registered, region: str) -> None:
    """Every AWS resource that can have a region is in this one."""
    for resource in registered:
        provider, _, service = resource.type.split("/")[0].partition(":")
        if provider == "aws":
            expected = None if service in GLOBAL_SERVICES else region
            assert resource.inputs.get("region") == expected, f"{resource.type} {resource.name}"


def assert_children_of_components(registered: Registered) -> None:
    """No orphan: what is not a component has one as its parent, and each component registered its outputs."""
    components = {r.urn for r in registered if r.type.startswith("payment-cell:components:")}
    for resource in registered:
        if resource.urn not in components:
            assert resource.parent in components, f"{resource.type} {resource.name} has no component as parent"


class _Mocks(mocks.Mocks):
    def __init__(self, *, preview: bool, outputs: Outputs | None) -> None:
        self._preview = preview
        self._outputs = outputs

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        state = dict(args.inputs)
        if args.custom is False or self._preview:
            return None if self._preview else "", state
        state = {**_computed(args.typ, args.name, state), **state}
        if self._outputs is not None:
            state |= self._outputs(args.typ, args.name, args.inputs)
        return f"{args.name}-id", state

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        raise AssertionError(f"{args.token}: programs look nothing up while planning")


def _computed(type_: str, name: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Computed properties that components read; the values show where they come from."""
    service = type_.split(":")[1].split("/")[0]
    computed: dict[str, Any] = {
        "arn": f"arn:aws:{service}:{inputs.get('region', '')}:123456789012:{name}",
        "name": f"{name}-1a2b3c4",
        "url": f"https://{service}.example/{name}",
        "keyId": f"{name}-key-id",
        "publicIp": "198.51.100.7",
        "latestVersion": 1,
        "endpoint": f"https://{name}.example",
        "availabilityZone": f"name-of-{inputs.get('availabilityZoneId')}",
    }
    if type_ == "aws:eks/cluster:Cluster":
        computed["certificateAuthority"] = {"data": "Y2E="}
        inputs["vpcConfig"]["clusterSecurityGroupId"] = f"sg-{name}"
    return computed


class _Monitor(mocks.MockMonitor):
    """Records each request beside answering it."""

    def __init__(self, mocked: mocks.Mocks, registered: Registered) -> None:
        super().__init__(mocked)
        self._registered = registered

    def RegisterResource(self, request: Any) -> Any:
        response = super().RegisterResource(request)  # type: ignore[no-untyped-call]
        if request.type != "pulumi:pulumi:Stack":
            references = {name: tuple(of.urns) for name, of in request.propertyDependencies.items()}
            dependencies = set(request.dependencies).union(*references.values())
            self._registered.resources.append(
                Recorded(
                    urn=response.urn,
                    type=request.type,
                    name=request.name,
                    inputs=rpc.deserialize_properties(request.object, keep_unknowns=True),
                    parent="" if "pulumi:pulumi:Stack" in request.parent.split("::")[2:3] else request.parent,
                    protect=request.protect,
                    retain=request.retainOnDelete,
                    ignore_changes=tuple(request.ignoreChanges),
                    dependencies=frozenset(dependencies),
                    references=references,
                    state={**rpc.deserialize_properties(response.object, keep_unknowns=True), "id": response.id},
                    outputs={},
                )
            )
        return response

    def RegisterResourceOutputs(self, request: Any) -> Any:
        for resource in self._registered.resources:
            if resource.urn == request.urn:
                resource.outputs.update(rpc.deserialize_properties(request.outputs, keep_unknowns=True))
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]
