"""The factors of the design: each option with its levels, and the sizes at which implementations change their path.

The first level of an option is the plain LSTM's. A level is a function from the row, and random numbers where it
needs some, to keys of a case.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from conformance.case.tensor_table import WIDE, Keys

Row = dict[str, Any]
"""Factor -> level: a word of an option, a number of a size; the sizes P and O are 0 where there is none."""
Level = Callable[[Row, Random], Keys]

BORDERS = (1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 64, 65, 96, 127, 129, 255, 257, 513)
"""One element and few, and both sides of the widths of vector registers, tiles and dot products of many terms."""
SIZES: dict[str, tuple[int, ...]] = {
    "T": tuple(size for size in BORDERS if size <= 129),
    "B": tuple(size for size in BORDERS if size <= 257),
    "I": BORDERS,
    "H": BORDERS,
    "P": BORDERS,
    "O": BORDERS,
}
"""The levels of each size."""

SMALLEST_NORMAL = {"float64": 2.0**-1022, "float32": 2.0**-126, "float16": 2.0**-14, "bfloat16": 2.0**-126}
HALF = ("float16", "bfloat16")
_TINY = 24.0
"""Bound of tiny numbers in smallest normal numbers: many products with weights are subnormal, and their sums still have
the bits to be judged. A layer makes them about 4 times smaller, and a gradient 8 times."""


def _keys(**keys: Any) -> Level:
    return lambda n, random: keys


def _unsorted(n: Row, random: Random) -> Keys:
    """A random length for each row, of which one is T; not in ascending or descending order if there are three."""
    lengths = [random.randint(1, n["T"]) for _ in range(n["B"])]
    lengths[random.randrange(n["B"])] = n["T"]
    if n["B"] > 2 and sorted(lengths) in (lengths, lengths[::-1]):
        lengths[:3] = [max(n["T"] - 1, 1), n["T"], 1]
    return {"lengths": lengths}


def _with_empty_rows(n: Row, random: Random) -> Keys:
    lengths = _unsorted(n, random)["lengths"]
    at = random.randrange(n["B"])
    lengths[at] = 0
    lengths[at - 1] = n["T"]
    return {"lengths": lengths}


def _holes(n: Row, random: Random) -> Keys:
    few = max(n["T"] // 4, 1)
    return {"skip": [sorted(random.sample(range(n["T"]), random.randint(0, few))) for _ in range(n["B"] - 1)] + [[1]]}


def _parts(size: int, random: Random) -> list[int]:
    """A size in two or three parts, the first of them not the largest where that can be."""
    count = min(random.choice((2, 3)), size)
    cuts = sorted(random.sample(range(1, size), count - 1))
    parts = [b - a for a, b in zip([0, *cuts], [*cuts, size], strict=True)]
    return parts[::-1] if parts[0] > parts[-1] else parts


def _activations(**names: Any) -> Level:
    return _keys(activations=names)


def _head(**keys: Any) -> Level:
    return lambda n, random: {"head": {"O": n["O"]} | keys}


def _projection(**keys: Any) -> Level:
    return lambda n, random: {"P": n["P"]} | keys


def _large(n: Row, random: Random) -> Keys:
    return {"x": {"uniform": {"low": -40.0, "high": 40.0}}, "c0": {"uniform": {"low": -20.0, "high": 20.0}}}


def _tiny_inputs(n: Row, random: Random) -> Keys:
    """Inputs and states so small that much of what is computed from them is subnormal in the dtype."""
    return dict.fromkeys(("x", "h0", "c0"), _tiny(n))


def _tiny_gradients(n: Row, random: Random) -> Keys:
    """The same for dL/dy, dL/dh_n and dL/dc_n, and so for every gradient."""
    return dict.fromkeys(("dy", "dh_n", "dc_n"), _tiny(n))


def _tiny(n: Row) -> Keys:
    bound = _TINY * SMALLEST_NORMAL[n["dtype"]]
    if n["layers"] != "1 layer":
        bound *= 4.0
    if n["gradients"] != "no gradients":
        bound *= 8.0
    return {"uniform": {"low": -bound, "high": bound}}


_STEEP = {
    "gate": {"name": "hard_sigmoid", "alpha": -0.25, "beta": 0.5},
    "cell": {"name": "scaled_tanh", "alpha": -1.5, "beta": 0.75},
    "hidden": {"name": "leaky_relu", "alpha": -0.5},
}

OPTIONS: dict[str, dict[str, Level]] = {
    "direction": {name: _keys(direction=name) for name in ("forward", "reverse", "bidirectional")},
    "layers": {"1 layer": _keys(), "2 layers": _keys(layers=2), "3 layers": _keys(layers=3)},
    "dtype": {name: _keys(dtype=name) for name in ("float32", "float64", "float16", "bfloat16")},
    "layout": {"time-major": _keys(), "batch-major": _keys(layout="batch_major")},
    "bias": {"biases": _keys(), "no bias": _keys(bias=False)},
    "forget_bias": {
        "no forget bias": _keys(),
        "forget bias": lambda n, random: {"forget_bias": 0.75 if n["dtype"] in HALF else 0.7},
        "negative forget bias": lambda n, random: {"forget_bias": -1.25 if n["dtype"] in HALF else -1.3},
    },
    "states": {
        "states": _keys(),
        "no states": _keys(h0=None, c0=None),
        "no h0": _keys(h0=None),
        "no c0": _keys(c0=None),
    },
    "lengths": {
        "no lengths": _keys(),
        "full lengths": lambda n, random: {"lengths": [n["T"]] * n["B"]},
        "one length": lambda n, random: {"lengths": [max(n["T"] * 2 // 3, 1)] * n["B"]},
        "unsorted lengths": _unsorted,
        "empty rows": _with_empty_rows,
        "holes": _holes,
    },
    "handed_over": {
        "as usual": _keys(),
        "as an argument": _keys(lengths_via="argument"),
        "packed": _keys(lengths_via="packed"),
        "packed and sorted": _keys(lengths_via="packed-sorted"),
        "upstream": _keys(lengths_via="upstream"),
    },
    "division": {
        "undivided": _keys(),
        "blocks": lambda n, random: {"blocks": _parts(n["T"], random)},
        "single steps": lambda n, random: {"blocks": [1] * n["T"]},
        "calls": lambda n, random: {"calls": _parts(n["B"], random)},
    },
    "peephole": {"no peepholes": _keys(), "peepholes": _keys(peephole=True)},
    "gate_clip": {
        "no gate clip": _keys(),
        "gate clip": _keys(gate_clip={"bound": 0.75, "reading": "gates"}),
        "gate clip of all": _keys(gate_clip={"bound": 0.75, "reading": "all"}),
    },
    "cell_clip": {"no cell clip": _keys(), "cell clip": _keys(**WIDE, cell_clip=0.875)},
    "projection": {
        "no projection": _keys(),
        "projection": _projection(),
        "projection with bias": _projection(projection_bias=True),
        "clipped projection": _projection(projection_clip=0.5),
        "clipped projection with bias": _projection(projection_bias=True, projection_clip=0.5),
    },
    "coupling": {
        "no coupling": _keys(),
        "forget=1-input": _keys(coupling="forget=1-input"),
        "input=1-forget": _keys(coupling="input=1-forget"),
    },
    "norm": {
        "no norm": _keys(),
        "nnapi norm": _keys(layer_norm="nnapi"),
        "basic norm": _keys(layer_norm="basic-lstm-cell"),
    },
    "activations": {
        "usual activations": _keys(),
        "softsign": _activations(cell="softsign", hidden="softsign"),
        "relu": _activations(cell="relu", hidden="relu"),
        "elu": _activations(cell={"name": "elu", "alpha": 1.0}, hidden={"name": "elu", "alpha": 1.0}),
        "hard sigmoid": _activations(gate={"name": "hard_sigmoid", "alpha": 0.2, "beta": 0.5}),
        "hard sigmoid of Keras": _activations(gate={"name": "hard_sigmoid", "alpha": 1 / 6, "beta": 0.5}),
        "steep activations": _keys(activations=_STEEP),
        "activations per direction": _keys(
            activations=[{"cell": "softsign", "hidden": "softsign"}, {"cell": "relu", "hidden": "tanh"}]
        ),
    },
    "head": {
        "no head": _keys(),
        "head": _head(),
        "head after the last step": _head(after="last_step"),
        "softmax": _head(softmax=True),
        "cross-entropy": _head(cross_entropy=True),
        "cross-entropy after the last step": _head(after="last_step", cross_entropy=True),
    },
    "gradients": {
        "no gradients": _keys(),
        "gradients": _keys(gradients="whole"),
        "truncated": _keys(gradients="truncated"),
    },
    "numbers": {
        "usual numbers": _keys(),
        "large numbers": _large,
        "tiny numbers": _tiny_inputs,
        "tiny gradients": _tiny_gradients,
    },
}
"""Option -> level -> what it means."""

DEFAULTS = {name: next(iter(levels)) for name, levels in OPTIONS.items()}
"""The plain LSTM's level of each option."""
