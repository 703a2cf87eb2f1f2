"""JSON schema of stack files, for editors. ``docs/schema/stack.json`` is its output and is tested to be up to date."""

from __future__ import annotations

import json
from typing import Any

from pydantic.json_schema import models_json_schema

import catalogue
from stacks.kinds import KINDS
from stacks.settings import NAMESPACE, PULUMI_KEYS


def stack_schema() -> dict[str, Any]:
    """The schema of a whole file ``Pulumi.<stack>.yaml``: exactly one kind."""
    modes: Any = [(model, "validation") for model in KINDS.values()]
    references, definitions = models_json_schema(modes, by_alias=True, ref_template="#/$defs/{model}")
    defs = definitions["$defs"]
    for name, keys in (
        ("CellSettings", ("region",)),
        ("ReplicaSettings", ("region",)),
        ("AccountSettings", ("homeRegion",)),
    ):
        for key in keys:
            defs[name]["properties"][key]["enum"] = list(catalogue.regions())
    known = catalogue.versions()
    kubernetes, aurora = list(known.kubernetes.versions), list(known.aurora_postgresql.versions)
    for key in ("kubernetes", "addons", "nodes", "aurora"):
        defs["VersionSettings"]["properties"][key]["anyOf"][0]["enum"] = aurora if key == "aurora" else kubernetes
    kinds = {f"{NAMESPACE}:{kind}": references[(model, "validation")] for kind, model in KINDS.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A payment-cell stack file",
        "type": "object",
        "required": ["config"],
        "additionalProperties": False,
        "properties": {
            "config": {
                "type": "object",
                "properties": kinds,
                "patternProperties": {"^pulumi:": {}},
                "additionalProperties": False,
                "oneOf": [{"required": [key]} for key in kinds],
            },
            **{key: {"type": "string"} for key in sorted(PULUMI_KEYS - {"config"})},
        },
        "$defs": defs,
    }


def schema_text() -> str:
    """The schema as it stands in docs/schema/stack.json."""
    return json.dumps(stack_schema(), indent=2, ensure_ascii=False) + "\n"
