"""The JSON Schema of specs says what the loader says."""

import functools
from pathlib import Path
from typing import Any

import pytest
import yaml

from conformance.case.schema import spec_schema
from conformance.data import default_folders
from specs import CASE, with_line

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")

SHIPPED = sorted(default_folders().specs.rglob("*.yaml"))


@functools.cache
def schema_validator() -> Any:
    jsonschema = pytest.importorskip("jsonschema")
    schema = spec_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def schema_errors(text: str) -> list[str]:
    return [error.message for error in schema_validator().iter_errors(yaml.load(text, yaml.CSafeLoader))]


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_the_schema_accepts_every_shipped_spec(file: Path) -> None:
    assert schema_errors(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "line",
    [
        "direktion: reverse",
        "weights: {Wr: {constant: 1}}",
        "x: {uniform: {low: 0, hihg: 1}}",
        "tolerance: {noize: 3}",
        "dtype: float8",
        "layers: 0",
        "activations: {gate: gelu}",
        "activations: [{gate: {name: elu, gamma: 1}}]",
        "bias: maybe",
        "lengths: [a]",
        "forget_bias: one",
        "vary: [dtype]",
        "id: fam/mine",
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(line: str) -> None:
    assert schema_errors(with_line(line))


@pytest.mark.parametrize("text", ["family: fam", "cases: []", CASE + "default: {}\n", CASE + "defaults: {name: a}\n"])
def test_the_schema_knows_the_file_s_outline(text: str) -> None:
    assert schema_errors(text)
