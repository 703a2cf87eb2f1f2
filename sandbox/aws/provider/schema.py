"""Argument and output types of resources, read from the source text of the installed pulumi-aws SDK.

The SDK is generated from the official plugin's schema, so it is the same contract. It is parsed and not imported:
importing takes seconds and hundreds of MB, reading one resource's file 15 to 60 ms. Of the large ``_inputs.py`` and
``outputs.py`` only the classes that a resource names are cut out and parsed.
"""

import ast
import functools
import importlib.util
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class Kind(StrEnum):
    """What a value is on the wire."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    LIST = "list"
    MAP = "map"
    OBJECT = "object"
    ENUM = "enum"
    DOCUMENT = "string or object"
    """A JSON document, as text or as an object (IAM policies)."""
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Type:
    """A property's type; ``item`` of lists and maps, ``ref`` = (SDK file, class) of objects."""

    kind: Kind
    item: "Type | None" = None
    ref: tuple[str, str] | None = None

    def properties(self) -> Mapping[str, "Property"]:
        """The properties of an object type."""
        return object_properties(*self.ref) if self.ref else {}


@dataclass(frozen=True, slots=True)
class Property:
    """One argument or output. ``required`` of outputs: AWS always sets it (the SDK's type is not Optional)."""

    name: str
    type: Type
    required: bool


@dataclass(frozen=True, slots=True)
class ResourceSchema:
    """A resource type of the SDK: arguments, outputs (without ``id``), names of outputs that are always secret."""

    token: str
    inputs: Mapping[str, Property]
    outputs: Mapping[str, Property]
    secrets: frozenset[str] = field(default_factory=frozenset)

    def computed(self) -> Iterator[str]:
        """Outputs whose value AWS decides when the program does not."""
        return (name for name, prop in self.outputs.items() if name not in self.inputs or prop.required)


PRIMITIVES = {"str": Kind.STRING, "int": Kind.INTEGER, "float": Kind.NUMBER, "bool": Kind.BOOLEAN}


@functools.cache
def sdk_root() -> Path:
    """Directory of the installed pulumi_aws package."""
    spec = importlib.util.find_spec("pulumi_aws")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("the pulumi-aws SDK is not installed: its sources are what arguments are validated against")
    return Path(spec.submodule_search_locations[0])


@functools.cache
def sdk_version() -> str:
    """Version of the installed SDK, e.g. ``7.51.1``."""
    from importlib.metadata import version

    return version("pulumi-aws")


def snake(word: str) -> str:
    """``vpcEndpoint`` -> ``vpc_endpoint``, as the SDK names its files."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])|(?<=[A-Z])([A-Z])(?=[a-z])", r"_\g<0>", word).lower()


@functools.cache
def resource(token: str) -> ResourceSchema | None:
    """Schema of ``aws:sqs/queue:Queue``; None when the SDK has no such resource."""
    match = re.fullmatch(r"aws:([\w-]+)/(\w+):(\w+)", token)
    if not match:
        return None
    service, module, name = match.groups()
    path = _resource_file(service, module, token)
    return _read_resource(path, token, name) if path else None


@functools.cache
def provider() -> Mapping[str, Property]:
    """Arguments of the provider itself (``aws.Provider``)."""
    return _arguments(_class(_text(sdk_root() / "provider.py"), "ProviderArgs"), sdk_root() / "_inputs.py")


def _resource_file(service: str, module: str, token: str) -> Path | None:
    folder = sdk_root() / service
    if not folder.is_dir():
        folder = sdk_root() / f"{service}_"
    path = folder / f"{snake(module)}.py"
    if path.is_file() and f"'{token}'" in _text(path):
        return path
    return next((other for other in sorted(folder.glob("*.py")) if f"'{token}'" in other.read_text()), None)


def _read_resource(path: Path, token: str, name: str) -> ResourceSchema:
    text = _text(path)
    # "Init" where a nested type has taken the plain name (BucketVersioningInitArgs).
    arguments = f"{name}InitArgs" if f"class {name}InitArgs:" in text else f"{name}Args"
    inputs = _arguments(_class(text, arguments), path.parent / "_inputs.py")
    resource_class = _class(text, name)
    outputs = {
        prop: Property(prop, _type(annotation, path.parent / "outputs.py"), not _is_optional(annotation))
        for prop, _, annotation in _getters(resource_class)
    }
    return ResourceSchema(token, inputs, outputs, frozenset(_secret_outputs(resource_class)))


@functools.cache
def object_properties(file: str, name: str) -> Mapping[str, Property]:
    """Properties of a nested class of ``_inputs.py`` or ``outputs.py``."""
    path = Path(file)
    return _arguments(_class(_text(path), name), path)


@functools.lru_cache(maxsize=64)
def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _class(text: str, name: str) -> ast.ClassDef:
    """Cut one top-level class out of a generated file and parse only that."""
    start = re.search(rf"^class {re.escape(name)}(\([^\n]*\))?:$", text, re.M)
    if not start:
        raise KeyError(f"the pulumi-aws SDK has no class {name}")
    end = re.compile(r"^(?:class |@pulumi\.|@_)", re.M).search(text, start.end())
    node = ast.parse(text[start.start() : end.start() if end else None]).body[0]
    assert isinstance(node, ast.ClassDef)
    return node


def _arguments(node: ast.ClassDef, types: Path) -> Mapping[str, Property]:
    init = next(n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__")
    defaults = zip(init.args.kwonlyargs, init.args.kw_defaults, strict=True)
    required = {arg.arg for arg, default in defaults if default is None}
    return {
        prop: Property(prop, _type(annotation, types), python in required)
        for prop, python, annotation in _getters(node)
    }


def _getters(node: ast.ClassDef) -> Iterator[tuple[str, str, ast.expr]]:
    """(wire name, Python name, annotation) of each property of a generated class."""
    for function in node.body:
        if not isinstance(function, ast.FunctionDef) or function.returns is None:
            continue
        for decorator in function.decorator_list:
            target = decorator.func if isinstance(decorator, ast.Call) else decorator
            if isinstance(target, ast.Attribute) and target.attr == "getter":
                named = decorator.keywords[0].value if isinstance(decorator, ast.Call) else None
                name = named.value if isinstance(named, ast.Constant) else function.name
                yield str(name), function.name, function.returns


def _secret_outputs(node: ast.ClassDef) -> Iterator[str]:
    for call in ast.walk(node):
        if (
            isinstance(call, ast.keyword)
            and call.arg == "additional_secret_outputs"
            and isinstance(call.value, ast.List)
        ):
            yield from (str(item.value) for item in call.value.elts if isinstance(item, ast.Constant))


def _is_optional(node: ast.expr) -> bool:
    """Whether ``pulumi.Output[...]`` or ``pulumi.Input[...]`` holds an Optional."""
    inner = node.slice if isinstance(node, ast.Subscript) and _name(node.value) in ("Output", "Input") else node
    return isinstance(inner, ast.Subscript) and _name(inner.value) == "Optional"


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _type(node: ast.expr, types: Path) -> Type:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _reference(node.value, types)
    if isinstance(node, ast.Subscript):
        return _generic(_name(node.value), node.slice, types)
    return Type(PRIMITIVES.get(_name(node), Kind.ANY))


def _generic(name: str, inner: ast.expr, types: Path) -> Type:
    if name in ("Input", "Output", "Optional"):
        return _type(inner, types)
    if name == "Sequence":
        return Type(Kind.LIST, _type(inner, types))
    if name == "Mapping" and isinstance(inner, ast.Tuple):
        return Type(Kind.MAP, _type(inner.elts[1], types))
    if name == "Union" and isinstance(inner, ast.Tuple):
        return _union([_type(element, types) for element in inner.elts])
    return Type(Kind.ANY)


def _union(members: list[Type]) -> Type:
    kinds = {member.kind for member in members}
    objects = next((member for member in members if member.kind is Kind.OBJECT), None)
    if objects:
        return Type(Kind.DOCUMENT, None, objects.ref) if Kind.STRING in kinds else objects
    if kinds == {Kind.STRING, Kind.DOCUMENT}:
        return next(member for member in members if member.kind is Kind.DOCUMENT)
    if kinds <= {Kind.STRING, Kind.ENUM}:
        return Type(Kind.STRING)
    return Type(Kind.ANY)


def _reference(name: str, types: Path) -> Type:
    """A quoted class name: an object of this service, of another (``_iam.PolicyStatementArgs``), an output or an
    enum.
    """
    module, _, plain = name.rpartition(".")
    file = types
    if module == "outputs":
        file = types.parent / "outputs.py"
    elif module:
        file = sdk_root() / module.strip("_") / types.name
    is_object = plain.endswith(("Args", "ArgsDict")) or file.name == "outputs.py"
    if not is_object:
        return Type(Kind.ENUM)
    if re.search(rf"^class {plain}[:(]", _text(file), re.M) is None:
        return Type(Kind.ENUM)
    return Type(Kind.OBJECT, None, (str(file), plain.removesuffix("Dict") if plain.endswith("ArgsDict") else plain))
