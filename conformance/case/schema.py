"""The JSON Schema of a spec file, generated from the models."""

from __future__ import annotations

from typing import Any

from conformance.case.fields import FAMILY, NAME
from conformance.case.load import CASE_KEYS
from conformance.case.model import Case


def spec_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a spec: what conformance.case.load accepts, except what only code can check."""
    case = Case.model_json_schema(ref_template="#/$defs/{model}")
    definitions: dict[str, Any] = case.pop("$defs")
    properties: dict[str, Any] = {key: value for key, value in case["properties"].items() if key in CASE_KEYS}
    # One set of activations may apply to all directions, and an activation without parameters is just its name.
    properties["activations"] = {"anyOf": [{"$ref": "#/$defs/Activations"}, properties["activations"]]}
    definitions["Activation"] = {"anyOf": [definitions["Activation"], {"$ref": "#/$defs/ActivationName"}]}
    definitions["ActivationName"] = {"enum": definitions["Activation"]["anyOf"][0]["properties"]["name"]["enum"]}
    vary = {"type": "object", "additionalProperties": {"type": ["array", "object"]}}
    name = {"type": "string", "pattern": f"^{NAME}$", "description": "second half of the case's id"}
    fields = {"type": "object", "additionalProperties": False, "properties": properties | {"vary": vary}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "LSTM conformance spec",
        "type": "object",
        "additionalProperties": False,
        "required": ["family", "cases"],
        "properties": {
            "family": {"type": "string", "pattern": f"^{FAMILY}$", "description": "first half of every id"},
            "description": {"type": "string"},
            "source": {"type": "string"},
            "defaults": fields,
            "cases": {
                "type": "array",
                "minItems": 1,
                "items": fields | {"properties": properties | {"vary": vary, "name": name}, "required": ["name"]},
            },
        },
        "$defs": definitions,
    }
