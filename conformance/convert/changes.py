"""What has to change about a layer's weights for another layout: biases, forget bias, dtype. What rounds is counted."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import ml_dtypes
import numpy as np

from conformance.case.errors import ConformanceError
from conformance.case.model import Case
from conformance.case.tensors import Array, LayerWeights, Weights
from conformance.case.text import counted
from conformance.weights.found import FoundLayer
from conformance.weights.held import FLOATS
from conformance.weights.named import Named

_FORGET = 1
"""The place of the forget gate among i, f, g, o."""


@dataclass(frozen=True)
class Changed:
    """A layer as the target has it. told: what was changed, in words, one line each."""

    keys: dict[str, Any]
    weights: Weights
    told: tuple[str, ...]


def changed(layer: FoundLayer, target: Named, forget_bias: float | None, dtype: str | None) -> Changed:
    """The layer's options and weights in the target layout.

    Args:
        forget_bias: what the source's or the target's framework adds at run time, whichever does.
        dtype: that of the target; None for the source's own.

    Raises:
        ConformanceError: the target cannot hold the layer, in one line that names what it lacks.
    """
    keys, told = dict(layer.keys), list[str]()
    weights = layer.weights
    added = _forget_bias(keys, target, forget_bias)
    refusal = target.capabilities.refusal(layer.case(**_PROBE, **added, dtype=_any_dtype(target)))
    if refusal is not None:
        raise ConformanceError(f"{target.name} cannot hold {layer.where or 'the layer'}: it {refusal}")
    if dtype is not None and dtype != layer.dtype:
        weights, line = _in_dtype(weights, dtype)
        keys["dtype"] = dtype
        told.append(line)
    if keys["dtype"] not in target.capabilities.dtypes:
        allowed = " or ".join(sorted(target.capabilities.dtypes))
        raise ConformanceError(
            f"{target.name} has no {keys['dtype']}, which these weights are; --dtype {allowed} converts them"
        )
    fold = keys.get("forget_bias", 0.0) - added.get("forget_bias", 0.0)
    if not keys["bias"] and (fold or target.always_bias):
        weights = Weights(tuple(_with_zeros(row) for row in weights.rows))
        keys["bias"] = True
        told.append(f"the layer has no bias; in {target.name} it has one of zeros")
    if keys["bias"]:
        rows, lines = _biases(weights.rows, target, fold)
        weights = replace(weights, rows=rows)
        told += lines
    told += _beware(layer.case(**_PROBE), target, added)
    return Changed(keys | added, weights, tuple(told))


def _beware(case: Case, target: Named, added: dict[str, Any]) -> list[str]:
    """What the user has to tell the target's framework, because its default is another."""
    told = [target.beware] if target.beware and case.cell_clip is None else []
    if target.forget_bias is not None:
        default = "" if added["forget_bias"] == target.forget_bias else f", not its default of {target.forget_bias:g}"
        told.append(f"give {target.name} forget_bias={added['forget_bias']:g}{default}")
    slopes = {each.gate.alpha for each in case.activations if each.gate.name == "hard_sigmoid"}
    for slope in slopes - {None, target.hard_sigmoid} if target.hard_sigmoid is not None else ():
        own = f"hard_sigmoid has the slope {slope:.6g} here, and {target.hard_sigmoid:.6g} in {target.name}"
        told.append(f"{own} under this name: give its layer the function clip({slope:.6g} * x + 0.5, 0, 1)")
    return told


_PROBE: dict[str, Any] = {"id": "convert/probe", "T": 1, "B": 1}


def _any_dtype(target: Named) -> str:
    return "float32" if "float32" in target.capabilities.dtypes else min(target.capabilities.dtypes)


def _forget_bias(keys: dict[str, Any], target: Named, given: float | None) -> dict[str, Any]:
    """The target's forget bias at run time, as a key of its case."""
    if target.forget_bias is None:
        return {"forget_bias": 0.0}
    return {"forget_bias": keys.get("forget_bias", 0.0) if given is None else given}


def _with_zeros(row: LayerWeights) -> LayerWeights:
    zeros = np.zeros(row.W.shape[:2], row.W.dtype)
    return replace(row, b_w=zeros, b_r=zeros.copy())


def _biases(rows: Iterable[LayerWeights], target: Named, fold: float) -> tuple[tuple[LayerWeights, ...], list[str]]:
    """The biases of the target. fold: what is added to those of the forget gate."""
    found, errors, two, single = [], [], False, False
    for row in rows:
        assert row.b_w is not None and row.b_r is not None
        extra = np.zeros(4)
        extra[_FORGET] = fold
        extra = np.broadcast_to(extra[:, None], row.b_w.shape)
        has_two = bool(row.b_r.any())
        two, single = two or has_two, single or not has_two
        terms = [row.b_w, row.b_r, extra] if target.one_bias else [row.b_w, extra]
        b_w = row.b_w
        if fold or (target.one_bias and has_two):
            b_w, error = _summed(terms, b_w.dtype)
            errors += error
        found.append(replace(row, b_w=b_w, b_r=np.zeros_like(b_w) if target.one_bias else row.b_r))
    lines = []
    if target.one_bias and two:
        lines.append(f"the two biases of each gate become one, their sum{'' if fold else _rounding(errors)}")
    elif not target.one_bias and single:
        lines.append("the bias of each gate is in b_w, the input's; b_r, the recurrent one, is zeros")
    if fold:
        what = f"{abs(fold):g} is {'added to' if fold > 0 else 'taken from'} the bias of the forget gate"
        where = "which the source's framework adds at run time" if fold > 0 else "which the target's adds at run time"
        lines.append(f"{what}, {where}{_rounding(errors)}")
    return tuple(found), lines


def _summed(terms: list[Array], dtype: np.dtype[Any]) -> tuple[Array, list[float]]:
    """A sum, each element rounded once to a dtype, and the errors of those that are rounded."""
    columns = [term.astype(np.float64).ravel().tolist() for term in terms]
    rounded = np.array([math.fsum(each) for each in zip(*columns, strict=True)]).astype(dtype)
    exact = zip(*columns, rounded.astype(np.float64).tolist(), strict=True)
    errors = [abs(math.fsum((*each[:-1], -each[-1]))) for each in exact]
    return rounded.reshape(terms[0].shape), errors


def _rounding(errors: list[float]) -> str:
    wrong = [error for error in errors if error]
    if not wrong:
        return "; every sum is exact"
    return f"; {len(wrong):,} of {counted(len(errors), 'sum')} are rounded, by at most {max(wrong):.2g}"


def _in_dtype(weights: Weights, dtype: str) -> tuple[Weights, str]:
    """The weights in another dtype, and what was rounded.

    Raises:
        ConformanceError: a number is too large for it.
    """
    wanted = FLOATS[dtype]
    with np.errstate(over="ignore"):
        found = weights.mapped(lambda array: array.astype(wanted))
    count = total = 0
    for name, array in weights.flat.items():
        before, after = array.astype(np.float64), found.flat[name].astype(np.float64)
        if np.any(np.isinf(after) & ~np.isinf(before)):
            largest = float(ml_dtypes.finfo(wanted).max)
            raise ConformanceError(f"{name.partition('.')[0]} has numbers above {largest:.5g}, the largest of {dtype}")
        count += int(np.sum(before != after))
        total += array.size
    rounded = f"{count:,} of {total:,} numbers are rounded" if count else "every number is exact in it"
    return found, f"the weights become {dtype}; {rounded}"


def demand_plain(layer: FoundLayer) -> None:
    """Refuse what no layout but TensorFlow Lite's own file has a tensor for. Raises ConformanceError."""
    row = layer.weights.rows[0]
    extra = [name for name in ("projection_bias", "gamma", "beta") if getattr(row, name) is not None]
    if extra:
        raise ConformanceError(f"{layer.where}: {extra[0]} has no tensor in this layout; only a .tflite file has it")
