"""Shared by the tests of the mistakes: cases that between them have everything, and what each mistake makes of them."""

import math
from functools import cache
from typing import Any

import numpy as np

from conformance.case.dtypes import NOISE_ALLOWED
from conformance.case.model import Case
from conformance.case.tensors import Array, Arrays, Outputs
from conformance.golden.inputs import make_arrays
from conformance.lstm.gradients import reference_of
from conformance.lstm.kappa import kappa
from conformance.lstm.mistakes import BY_ID
from conformance.verdict.noise import unit

MARGIN = 8 * NOISE_ALLOWED["float32"]
"""The least noise by which a mistake shows somewhere."""


def activations(gate: Any = "sigmoid", cell: Any = "tanh", hidden: Any = "tanh") -> dict[str, Any]:
    return {"gate": gate, "cell": cell, "hidden": hidden}


def function(name: str, *parameters: float) -> dict[str, Any]:
    return {"name": name} | dict(zip(("alpha", "beta"), parameters, strict=False))


def default(name: str, whose: str = "onnx") -> dict[str, Any]:
    return {"name": name, "defaults": whose}


def uniform(bound: float) -> dict[str, Any]:
    return {"uniform": {"low": -bound, "high": bound}}


def poison(tensor: str, *at: int, value: float = math.nan) -> dict[str, Any]:
    return {"tensor": tensor, "at": list(at), "value": value}


BIDIRECTIONAL = {"direction": "bidirectional"}
NO_STATES = {"h0": None, "c0": None}
TINY = {"bias": False, **NO_STATES, "x": uniform(1e-6)}

RICH: dict[str, dict[str, Any]] = {
    "plain": {},
    "head": {"head": {"O": 2, "after": "last_step"}},
    "stack": {"layers": 3, **BIDIRECTIONAL, "lengths": [3, 5, 1, 4], "I": 2, "head": {"O": 2}},
    "reverse": {"direction": "reverse", "lengths": [2, 4, 3, 1], "c0": None},
    "reverse-stack": {"direction": "reverse", "lengths": [2, 4, 3, 1], "layers": 2},
    "holes": {**BIDIRECTIONAL, "skip": [[1], [], [0, 3], [4]], "h0": None},
    "zero": {**BIDIRECTIONAL, "lengths": [3, 0, 5, 2]},
    "nan-padding": {"lengths": [1, 3, 4, 2], "padding": math.nan},
    "forget-bias": {"forget_bias": 1.5},
    "clip-gates": {"gate_clip": {"bound": 0.6, "reading": "gates"}, "peephole": True, "forget_bias": 0.7},
    "clip-all": {"gate_clip": {"bound": 0.4, "reading": "all"}, **BIDIRECTIONAL},
    "cell-clip": {"cell_clip": 0.3, "peephole": True},
    "previous-cell": {"peephole": True, "output_peephole": "previous-cell", "gradients": "whole"},
    "large-cell": {"c0": uniform(9.0), "peephole": True, "layout": "batch_major", **BIDIRECTIONAL, "layers": 2},
    "projection": {"P": 3, "projection_bias": True, "projection_clip": 0.2, "cell_clip": 0.5},
    "projection-only": {"P": 3, "layers": 2, **BIDIRECTIONAL},
    "forget-from-input": {"coupling": "forget=1-input", "peephole": True},
    "input-from-forget": {"coupling": "input=1-forget", "forget_bias": 1.0},
    "norm-of-basic-cell": {"layer_norm": "basic-lstm-cell", "bias": False, "forget_bias": 1.0},
    "norm-of-nnapi": {"layer_norm": "nnapi", "peephole": True, "P": 3, "x": uniform(0.2), "h0": uniform(0.1)},
    "norm-of-tiny": {"layer_norm": "nnapi", "bias": False, **NO_STATES, "x": uniform(1e-5)},
    "norm-of-one": {"layer_norm": "nnapi", "H": 1, "bias": True},
    "norm-of-shifted": {
        "layer_norm": "nnapi",
        "x": uniform(0.1),
        "weights": {"W": {"uniform": {"low": 999.9, "high": 1000.0}}},
    },
    "activations": {
        "activations": activations(function("hard_sigmoid", 0.3, 0.4), function("leaky_relu", 0.1), "softsign")
    },
    "activations-by-direction": {
        **BIDIRECTIONAL,
        "activations": [
            activations(function("hard_sigmoid", 0.2, 0.5), function("elu", 0.6), function("scaled_tanh", 1.2, 0.7)),
            activations(function("hard_sigmoid", 1 / 6, 0.5), "relu", function("affine", 0.8, 0.1)),
        ],
        "x": uniform(4.0),
    },
    "defaults": {"activations": activations(default("hard_sigmoid"), default("elu"), default("leaky_relu"))},
    "keras-defaults": {"activations": activations(default("hard_sigmoid", "keras"), default("leaky_relu", "keras"))},
    "stream": {"blocks": [2, 1, 2], "layers": 2},
    "stream-without-states": {"blocks": [2, 2, 1], **NO_STATES, "head": {"O": 2}},
    "stream-with-lengths": {"blocks": [1, 2, 2], "lengths": [2, 5, 1, 4], "layers": 2},
    "calls": {"calls": [2, 1, 1], "lengths": [2, 5, 3, 4]},
    "calls-without-states": {"calls": [2, 1, 1], **NO_STATES},
    "wide": {"T": 2, "B": 3, "H": 257, "I": 1, "P": 2},
    "many-rows": {"T": 2, "B": 101, "H": 1, "I": 2},
    "float64": {"dtype": "float64", "activations": activations(cell="softplus"), "x": uniform(40.0)},
    "saturated": {"x": uniform(400.0), "weights": {"W": {"integers": {"low": -2, "high": 2}}}},
    "saturated-softplus": {"activations": activations(cell="softplus"), "x": uniform(400.0)},
    "tiny-tanh": {**TINY},
    "tiny-elu": {**TINY, "activations": activations(cell=function("elu", 0.5), hidden=function("elu", 0.5))},
    "closed-output-gate": {"weights": {"b_w": {"values": [[0.5] * 6, [0.25] * 6, [0.1] * 6, [-18.0] * 6]}}},
    "nan": {"poison": poison("x", 2, 1, 0), "gate_clip": {"bound": 3.0, "reading": "gates"}},
    "nan-cell": {"poison": poison("c0", 0, 1, 2), "cell_clip": 0.5, "peephole": True},
    "nan-weight": {
        "poison": poison("W.0", 0, 1, 0),
        "activations": activations(function("hard_sigmoid", 0.2, 0.5), "relu"),
    },
    "nan-weight-of-zero": {"poison": poison("W.0", 1, 4, 0), "I": 1, "x": {"integers": {"low": 0, "high": 1}}},
    "infinity": {"poison": poison("c0", 0, 1, 2, value=math.inf)},
    "subnormal": {
        "x": uniform(1e38),
        "c0": uniform(1e-39),
        "peephole": True,
        "weights": {"W": uniform(1e-39), "peephole": uniform(1e38)},
    },
    "subnormal-terms": {"bias": False, "h0": None, "x": uniform(4e-38), "c0": uniform(4e-38)},
    "loss": {"head": {"O": 7, "softmax": True, "cross_entropy": True}, "lengths": [3, 5, 1, 4]},
    "large-logits": {
        "head": {"O": 7, "softmax": True, "cross_entropy": True},
        "weights": {"W_y": {"uniform": {"gain": 400.0}}},
    },
    "gradients": {"gradients": "whole"},
    "gradients-of-stack": {"gradients": "whole", **BIDIRECTIONAL, "layers": 3, "lengths": [3, 5, 1, 4], "I": 2},
    "gradients-of-nan": {"gradients": "whole", "lengths": [3, 5, 1, 4], "padding": math.nan},
    "gradients-of-stream": {"gradients": "whole", "blocks": [2, 1, 2], "layers": 2},
    "gradients-truncated": {"gradients": "truncated", "blocks": [2, 1, 2], "layers": 2},
    "gradients-of-ended-rows": {"gradients": "truncated", "blocks": [2, 1, 2], "lengths": [2, 5, 1, 4]},
    "gradients-of-loss": {"gradients": "whole", "head": {"O": 7, "cross_entropy": True}, "lengths": [3, 5, 1, 4]},
    "gradients-of-reverse-loss": {
        "gradients": "whole",
        "direction": "reverse",
        "head": {"O": 7, "cross_entropy": True},
        "lengths": [3, 5, 1, 4],
    },
    "gradients-of-options": {"gradients": "whole", "peephole": True, "P": 3, "cell_clip": 0.5, "layers": 2},
    "gradients-of-coupling": {"gradients": "whole", "coupling": "forget=1-input"},
    "gradients-of-norm": {"gradients": "whole", "layer_norm": "nnapi"},
    "gradients-of-projection": {"gradients": "whole", "P": 3},
    "empty": {"B": 0, **BIDIRECTIONAL, "layers": 2, "head": {"O": 2}},
    "empty-lengths": {"B": 0, "lengths": [], "peephole": True, "gate_clip": {"bound": 0.6, "reading": "all"}},
}
"""Private cases that between them have everything a mistake may need."""

LARGE = {"bias-left-out-of-large-batch": {"T": 3, "B": 21846, "I": 1, "H": 1}}
"""Cases for one mistake each, too large for the others."""


@cache
def rich(name: str) -> Case:
    return Case.model_validate({"id": f"rich/{name}", "T": 5, "B": 4, "I": 3, "H": 6} | (RICH | LARGE)[name])


@cache
def arrays_of(name: str) -> Arrays:
    return make_arrays(rich(name))


@cache
def right(name: str) -> Array:
    """The reference's answer in the case's own dtype, all tensors as one row of numbers."""
    return row_of(reference_of(rich(name)).run(arrays_of(name)))


@cache
def outputs_of(mistake: str, name: str) -> Outputs:
    return BY_ID[mistake].outputs(rich(name), arrays_of(name))


@cache
def wrong(mistake: str, name: str) -> Array:
    return row_of(outputs_of(mistake, name))


def row_of(outputs: Outputs) -> Array:
    return np.concatenate([array.astype(np.float64).ravel() for array in outputs.values()])


@cache
def golden_and_unit(name: str) -> tuple[Array, Array]:
    """The answer in float64, and how large a noise unit of each element is."""
    case, arrays = rich(name), arrays_of(name)
    golden, spread = reference_of(case).run(arrays.in_dtype(np.float64)), kappa(case, arrays)
    return row_of(golden), row_of({n: unit(golden[n], spread[n], case.dtype) for n in golden})


def apart(a: Array, b: Array, name: str) -> float:
    """The greatest noise between two answers to a case; infinite where only one of the two is a number."""
    equal = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore", divide="ignore"):
        quotient = np.abs(a - b) / golden_and_unit(name)[1]
    return float(np.where(equal, 0.0, np.where(np.isnan(quotient), np.inf, quotient)).max(initial=0.0))


def same(a: Array, b: Array, name: str) -> bool:
    """Whether two answers are one: the last bit of a product may depend on the rows computed beside it."""
    return apart(a, b, name) <= 4.0


@cache
def shown_by(mistake: str) -> list[str]:
    """The rich cases on which a mistake stands out."""
    applicable = [name for name in RICH if BY_ID[mistake].applies(rich(name))]
    return [name for name in applicable if apart(wrong(mistake, name), golden_and_unit(name)[0], name) >= MARGIN]
