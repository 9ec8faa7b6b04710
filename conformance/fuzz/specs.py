"""A case with every number in it, and its spec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import yaml

from conformance.case.model import Case
from conformance.case.source import Source
from conformance.case.tensor_table import COTANGENTS, HEAD_WEIGHTS, LAYER_WEIGHTS
from conformance.case.tensors import Array, Arrays
from conformance.case.text import visible
from conformance.golden import lint
from conformance.golden.inputs import make_arrays

FAMILY = "fuzz"
_WHY = "the case was made as small as it can be"


def with_values(case: Case, arrays: Arrays) -> Case:
    """The case with its numbers as sources in it."""
    flat = arrays.flat
    held: dict[str, Array] = {
        name: flat[f"inputs.{name}"].astype(np.float64) for name in case.input_shapes if f"inputs.{name}" in flat
    }
    stacked = {
        kind: [flat[f"weights.{kind}.{row}"].astype(np.float64) for row in range(case.layers * case.D)]
        for kind in LAYER_WEIGHTS
        if f"weights.{kind}.0" in flat
    }
    stacked |= {
        kind: [flat[f"weights.{kind}"].astype(np.float64)] for kind in HEAD_WEIGHTS if f"weights.{kind}" in flat
    }
    counted = np.ones((case.T, case.B), np.bool_)
    if case.masked:
        for b in range(case.B):
            counted[:, b] = False
            counted[case.valid_steps(b), b] = True
    if case.poison is not None:
        name, _, row = case.poison.tensor.partition(".")
        array = held[name] if name in held else stacked[name][int(row or 0)]
        array[case.poison.at] = 0.0
    update: dict[str, Any] = {}
    for name, array in held.items():
        by_step = name in ("x", "dy") and case.masked
        part = array[counted] if by_step else array
        update[name] = _source([part], [np.where(counted[..., None], array, 0.0) if by_step else array], whole=True)
    if (targets := flat.get("inputs.targets")) is not None:
        update["targets"] = Source(values=np.maximum(targets, 0).tolist())
    sources = {kind: _source(each, each, whole=kind in HEAD_WEIGHTS) for kind, each in stacked.items()}
    absent = {name: None for name in COTANGENTS if name not in held}
    weights = case.weights.model_copy(update=sources)
    return case.model_copy(update=update | absent | {"weights": weights})


def _source(numbers: list[Array], arrays: list[Array], *, whole: bool) -> Source:
    """A constant where all numbers are one, else the values of the arrays."""
    together = np.concatenate([each.reshape(-1) for each in numbers])
    if together.size and (together == together[0]).all():
        return Source(constant=float(together[0]))
    return Source(values=arrays[0].tolist() if whole else [each.tolist() for each in arrays])


def spec(case: Case, description: str) -> str:
    """The text of a spec that has this case alone."""
    keys = _plain(case.model_dump(exclude_defaults=True, exclude={"id", "origin", "description"}))
    name = case.id.partition("/")[2]
    entry = {"name": name, "description": visible(description), **keys}
    if rules := lint.findings(case, make_arrays(case)):
        entry["exempt"] = dict.fromkeys(sorted(rules), _WHY)
    content = {"family": FAMILY, "cases": [entry]}
    return yaml.safe_dump(content, sort_keys=False, width=120, default_flow_style=None)


def _plain(value: Any) -> Any:
    """Values that YAML has."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value
