"""The cases that the adapters' tables consist of, as fields that differ from the defaults, one list per topic."""

from __future__ import annotations

import math
from collections.abc import Sequence

from agreement import Fields

from conformance.case.options import PARAMETERS
from conformance.lstm.activations import FUNCTIONS

NAN, INFINITY = math.nan, math.inf
NO_STATES: Fields = {"h0": None, "c0": None}
REVERSE: Fields = {"direction": "reverse"}
BIDIRECTIONAL: Fields = {"direction": "bidirectional"}
BATCH_MAJOR: Fields = {"layout": "batch_major"}
HEAD: Fields = {"head": {"O": 2}}
LAST_HEAD: Fields = {"head": {"O": 2, "after": "last_step"}}
ONE_STEP: Fields = {"T": 1}
SMALLEST: Fields = {"T": 1, "B": 1, "I": 1, "H": 1}
RAGGED: Fields = {"lengths": (3, 5, 2), "padding": NAN}
COMMON: Fields = {"lengths": (3, 3, 3), "padding": NAN}
EMPTY_ROWS: Fields = {"lengths": (0, 5, 3)}
HOLES: Fields = {"skip": ((1, 2), (0, 4), (1,))}
UPSTREAM: Fields = {"lengths_via": "upstream"}
WIDE: Fields = {"c0": {"uniform": {"low": -3.0, "high": 3.0}}}
"""Cell states so large that a clip has an effect, and that it matters which of them a gate sees."""
PEEPHOLE: Fields = {"peephole": True} | WIDE
CELL_CLIP: Fields = {"cell_clip": 0.75} | WIDE
GATE_CLIP: Fields = {"gate_clip": {"bound": 0.5, "reading": "gates"}} | WIDE
COUPLED: Fields = {"coupling": "forget=1-input"}
COUPLED_TO_FORGET: Fields = {"coupling": "input=1-forget"}
PROJECTION: Fields = {"P": 2}
NARROW_PROJECTION: Fields = {"P": 5}
NORM: Fields = {"layer_norm": "nnapi"}


def activation(name: str) -> Fields:
    """An activation with parameters that no framework has as its defaults, exact in every format."""
    values = {"alpha": 0.25, "beta": 0.375}
    return {"name": name} | {parameter: values[parameter] for parameter in PARAMETERS.get(name, ())}


def both(chosen: Fields | str) -> Fields:
    """The same activation for G and Hh: some interfaces have one argument for both."""
    return {"cell": chosen, "hidden": chosen}


RELU: Fields = {"activations": both("relu")}


def poison(tensor: str, *at: int, value: float = NAN) -> Fields:
    return {"poison": {"tensor": tensor, "at": at, "value": value}}


def each(rows: Sequence[Fields], fields: Fields) -> list[Fields]:
    """The rows, each with more fields."""
    return [given | fields for given in rows]


def in_formats(formats: str, rows: Sequence[Fields]) -> list[Fields]:
    """The rows in each of these number formats."""
    return [{"dtype": dtype} | given for dtype in formats.split() for given in rows]


SHAPES: list[Fields] = [
    {},
    ONE_STEP,
    ONE_STEP | {"head": {"O": 3}},
    ONE_STEP | {"layers": 2} | HEAD,
    ONE_STEP | {"layers": 2, "forget_bias": -0.75, "head": {"O": 3}},
    {"B": 1},
    {"H": 1},
    SMALLEST,
    {"T": 20, "B": 7, "I": 3, "H": 17},
    {"layers": 3},
    {"layers": 3, "h0": None},
    {"layers": 2, "c0": None},
    {"layers": 2, "c0": None} | LAST_HEAD,
    {"layers": 2, "forget_bias": 0.75, "bias": False},
    {"bias": False},
    {"bias": False} | NO_STATES,
    {"h0": None},
    {"c0": None},
    NO_STATES,
    HEAD,
    {"layers": 2} | LAST_HEAD,
    {"blocks": (2, 3)},
    {"blocks": (3, 1, 1)} | NO_STATES | HEAD,
    {"blocks": (2, 3), "c0": None, "layers": 2} | LAST_HEAD,
    {"blocks": (1, 3, 1), "h0": None, "layers": 2} | LAST_HEAD,
    {"T": 4, "blocks": (1, 1, 1, 1), "head": {"O": 3}},
    {"T": 4, "blocks": (1, 1, 1, 1), "bias": False} | NO_STATES,
    REVERSE,
    REVERSE | {"bias": False, "c0": None},
    REVERSE | {"layers": 2} | HEAD,
    BIDIRECTIONAL | {"H": 1},
    BIDIRECTIONAL | {"bias": False},
    BIDIRECTIONAL | {"layers": 3} | HEAD,
]
SIZES: list[Fields] = [{"T": 2, "B": 2} | size for size in ({"H": 128}, {"H": 129}, {"H": 256}, {"H": 257}, {"B": 101})]
"""Sizes on both sides of the limits where implementations switch to another code path."""

LENGTHS: list[Fields] = [
    RAGGED,
    RAGGED | {"bias": False},
    RAGGED | BIDIRECTIONAL | {"layers": 2} | HEAD,
    {"lengths": (3, 4, 2), "padding": NAN, "layers": 2} | REVERSE,
    {"lengths": (1, 2, 1)} | NO_STATES,
    {"lengths": (4,), "B": 1, "c0": None},
    {"lengths": (2, 2, 2)} | BIDIRECTIONAL,
]
COMMON_LENGTHS: list[Fields] = [
    COMMON,
    COMMON | {"layers": 3},
    COMMON | HEAD,
    COMMON | PEEPHOLE | {"layers": 2},
    {"lengths": (0, 0, 0), "padding": NAN, "layers": 2},
]
PACKED: list[Fields] = [
    {"lengths": (3, 5, 2), "lengths_via": "packed"},
    {"lengths": (3, 5, 2), "lengths_via": "packed", "calls": (1, 2)},
    {"lengths": (5, 3, 2), "lengths_via": "packed-sorted"},
    {"lengths": (5, 3, 2), "lengths_via": "packed-sorted"} | BIDIRECTIONAL,
    {"lengths": (4, 5, 2), "lengths_via": "packed-sorted", "calls": (1, 2)},
]
LENGTHS_FROM_ZERO: list[Fields] = [
    EMPTY_ROWS,
    EMPTY_ROWS | BIDIRECTIONAL,
    EMPTY_ROWS | BIDIRECTIONAL | {"layers": 2, "h0": None},
    EMPTY_ROWS | {"lengths_via": "argument"},
    EMPTY_ROWS | REVERSE | {"lengths_via": "argument"},
    {"lengths": (0, 4, 2), "padding": NAN, "layers": 3} | BIDIRECTIONAL | HEAD,
    {"lengths": (0, 0, 0), "padding": NAN},
    {"lengths": (0, 0, 0), "padding": NAN} | BIDIRECTIONAL,
]
CALLS: list[Fields] = [
    {"calls": (2, 1)},
    {"calls": (1, 2)} | NO_STATES,
    {"calls": (2, 1), "layers": 3} | BIDIRECTIONAL,
    {"calls": (2, 1), "h0": None, "layers": 2} | BIDIRECTIONAL,
]
BATCH_MAJOR_ROWS: list[Fields] = [
    BATCH_MAJOR,
    BATCH_MAJOR | HEAD,
    BATCH_MAJOR | BIDIRECTIONAL | {"layers": 3} | HEAD,
    BATCH_MAJOR | {"blocks": (2, 3)} | LAST_HEAD,
    BATCH_MAJOR | {"calls": (1, 2), "c0": None},
]
BATCH_MAJOR_LENGTHS: list[Fields] = [
    BATCH_MAJOR | RAGGED,
    BATCH_MAJOR | RAGGED | BIDIRECTIONAL | {"layers": 2},
    BATCH_MAJOR | RAGGED | BIDIRECTIONAL | {"calls": (2, 1)},
]
NO_ROWS: list[Fields] = [{"B": 0}, {"B": 0} | NO_STATES | HEAD]
"""A batch of no rows, for adapters that are asked about one."""

PROJECTIONS: list[Fields] = [
    PROJECTION,
    PROJECTION | NO_STATES | BIDIRECTIONAL,
    PROJECTION | RAGGED | {"layers": 3} | BIDIRECTIONAL,
    PROJECTION | BATCH_MAJOR | {"blocks": (1, 4), "head": {"O": 3}},
    PROJECTION | poison("projection.0", 1, 4),
]
PEEPHOLES: list[Fields] = [
    PEEPHOLE,
    PEEPHOLE | {"bias": False, "layers": 3},
    {"peephole": True, "bias": False} | NO_STATES | REVERSE,
    {"peephole": True, "layers": 2} | BIDIRECTIONAL,
    {"peephole": True, "calls": (2, 1)},
]
CELL_CLIPS: list[Fields] = [
    CELL_CLIP,
    CELL_CLIP | PEEPHOLE | {"forget_bias": 0.75},
    CELL_CLIP | poison("c0", 0, 2, 1),
    CELL_CLIP | PEEPHOLE | poison("c0", 0, 2, 1, value=-INFINITY),
]
CLIPPED_OR_COUPLED: list[Fields] = [
    GATE_CLIP,
    GATE_CLIP | BIDIRECTIONAL,
    GATE_CLIP | BIDIRECTIONAL | {"bias": False, "peephole": True},
    COUPLED,
    COUPLED | GATE_CLIP | EMPTY_ROWS | REVERSE | {"peephole": True},
]
POISON: list[Fields] = [
    poison("x", 1, 2, 0),
    poison("x", 2, 1, 3),
    poison("W.0", 1, 4, 2),
    poison("R.0", 0, 2, 5),
    poison("b_w.0", 3, 1),
    poison("h0", 0, 1, 3),
    poison("c0", 0, 2, 4),
]
NOT_FINITE: list[Fields] = [*POISON, poison("c0", 0, 2, 1, value=INFINITY)]
GRADIENTS: list[Fields] = [
    {"T": 4, "gradients": "whole"} | fields
    for fields in (
        {},
        {"blocks": (1, 3), "layers": 2},
        {"blocks": (1, 3), "layers": 2, "gradients": "truncated"},
        {"h0": None, "c0": None, "dy": None},
        {"c0": None, "dh_n": None, "dc_n": None},
        *({"head": {"O": 3, "softmax": True, "cross_entropy": True}, "gradients": kind} for kind in ("whole", None)),
        {"head": {"O": 3, "softmax": True, "cross_entropy": True, "after": "last_step"}},
    )
]

HARD_SIGMOIDS = [{"name": "hard_sigmoid", "alpha": alpha, "beta": 0.5} for alpha in (1 / 6, 0.2)]
ONE_FOR_EACH: list[Fields] = [
    {"gate": activation("hard_sigmoid"), "cell": activation("leaky_relu"), "hidden": activation("scaled_tanh")},
    {"gate": activation("affine"), "cell": activation("elu"), "hidden": activation("thresholded_relu")},
]
ONE_FOR_BOTH: list[Fields] = [
    {"gate": HARD_SIGMOIDS[1], **both(activation("leaky_relu"))},
    {"gate": activation("affine"), **both(activation("scaled_tanh"))},
]
ACTIVATIONS: list[Fields] = [
    *({"activations": {place: activation(name)}} for place in ("gate", "cell", "hidden") for name in FUNCTIONS),
    {"activations": ONE_FOR_EACH, "lengths": (3, 5, 2)} | BIDIRECTIONAL,
    {"activations": ONE_FOR_EACH[::-1], "layers": 2} | BIDIRECTIONAL,
    {"activations": ONE_FOR_EACH[0]} | REVERSE,
    {"activations": {"gate": {"name": "hard_sigmoid", "defaults": "onnx"}}},
    {
        "activations": {
            place: {"name": n, "defaults": "onnx"} for place, n in (("cell", "elu"), ("hidden", "leaky_relu"))
        }
    },
]
"""For an interface with an argument for each of the three."""


def shared_activations(names: Sequence[str]) -> list[Fields]:
    """For an interface with one argument for G and Hh: each name once as the gate and once as both of these."""
    pairs = zip(names, [*names[1:], names[0]], strict=True)
    return [
        *({"T": 3, "activations": {"gate": activation(gate), **both(activation(cell))}} for gate, cell in pairs),
        *({"T": 3, "activations": {"gate": hard_sigmoid}} for hard_sigmoid in HARD_SIGMOIDS),
        {"activations": ONE_FOR_BOTH[0], "lengths": (3, 5, 2)} | BIDIRECTIONAL,
        {"activations": ONE_FOR_BOTH, "layers": 2} | BIDIRECTIONAL,
        {"activations": [{}, ONE_FOR_BOTH[1]]} | BIDIRECTIONAL,
        {"activations": ONE_FOR_BOTH[1]} | REVERSE,
    ]


def masked(states: Fields) -> list[Fields]:
    """Masks, and several calls. states: fields of the initial states, for the rows that need them."""
    return [
        COMMON | {"layers": 3},
        RAGGED | {"bias": False},
        RAGGED | BIDIRECTIONAL | {"layers": 2} | HEAD,
        {"lengths": (3, 4, 2), "padding": NAN, "layers": 2, "h0": None} | REVERSE,
        HOLES | states,
        HOLES | states | REVERSE | {"padding": NAN},
        HOLES | {"lengths": (3, 5, 2), "layers": 3} | BIDIRECTIONAL | HEAD,
        HOLES | states | REVERSE | {"layers": 2, "lengths_via": "argument"},
        {"lengths": (3, 0, 5)} | states,
        {"lengths": (0, 4, 2), "layers": 3} | BIDIRECTIONAL,
        {"lengths": (0, 0, 0)} | BIDIRECTIONAL,
        {"lengths": (3, 5, 2), "lengths_via": "argument"} | BIDIRECTIONAL,
        UPSTREAM | NO_STATES | HOLES | {"lengths": (3, 5, 2)},
        UPSTREAM | NO_STATES | REVERSE | {"lengths": (3, 5, 2), "dtype": "bfloat16"},
        UPSTREAM | NO_STATES | HOLES | {"layers": 3} | HEAD,
        UPSTREAM | NO_STATES | BIDIRECTIONAL | {"lengths": (3, 5, 2), "layers": 3, "padding": 0.0},
        {"B": 7, "calls": (3, 1, 3)},
        {"B": 7, "calls": (3, 1, 3), "lengths": (2, 5, 3, 5, 1, 4, 3)} | BIDIRECTIONAL,
        {"B": 7, "calls": (3, 4), "lengths": (2, 5, 3, 5, 1, 4, 3), "layers": 3} | UPSTREAM | NO_STATES,
        BATCH_MAJOR | BIDIRECTIONAL,
    ]


POISONED_ROWS: list[Fields] = [
    {"T": 3, "lengths": (3, 2, 3)} | poisoned
    for poisoned in (
        poison("x", 1, 2, 0),
        poison("x", 1, 2, 0, value=INFINITY),
        poison("W.0", 1, 4, 2),
        poison("R.0", 3, 2, 5, value=INFINITY),
        poison("b_w.0", 3, 1),
        poison("h0", 0, 1, 3, value=-INFINITY),
        poison("c0", 0, 2, 4),
    )
]
