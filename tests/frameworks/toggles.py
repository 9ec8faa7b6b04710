"""Pairs of cases, an option off and on: both answers must be right, and they must differ."""

from __future__ import annotations

from agreement import Fields
from topics import (
    BIDIRECTIONAL,
    COUPLED,
    COUPLED_TO_FORGET,
    GATE_CLIP,
    HOLES,
    NARROW_PROJECTION,
    NO_STATES,
    NORM,
    RELU,
    WIDE,
    both,
)

ELSEWHERE: dict[str, str] = {"hard_sigmoid": "gate", "leaky_relu": "cell", "elu": "cell"}
"""Keras' activations that have parameters, and the place where each is tried."""
OTHER_ALPHA = {"hard_sigmoid": {"alpha": 0.2, "beta": 0.5}, "leaky_relu": {"alpha": 0.01}, "elu": {"alpha": 0.5}}
"""Parameters that are not Keras' defaults."""


def of_keras_and_others(name: str) -> tuple[Fields, Fields]:
    """An activation with Keras' default parameters, left out, and with others."""
    found = []
    for parameters in ({"defaults": "keras"}, OTHER_ALPHA[name]):
        chosen = {"name": name} | parameters
        found.append({"T": 2, "activations": {"gate": chosen} if ELSEWHERE[name] == "gate" else both(chosen)})
    return found[0], found[1]


TOGGLES: list[tuple[Fields, Fields]] = [
    *(({}, on) for on in (RELU, NORM, {"peephole": True}, {"cell_clip": 0.25}, {"bias": False})),
    *(({}, on) for on in (COUPLED, COUPLED_TO_FORGET, {"forget_bias": 1.0}, {"h0": None}, {"c0": None})),
    (WIDE, GATE_CLIP),
    ({"peephole": True}, {"peephole": True, "output_peephole": "previous-cell"}),
    *((NARROW_PROJECTION, NARROW_PROJECTION | on) for on in ({"projection_bias": True}, {"projection_clip": 0.25})),
    *((COUPLED_TO_FORGET, COUPLED_TO_FORGET | on) for on in (NORM, {"peephole": True}, {"bias": False})),
    *((NORM, NORM | on) for on in (COUPLED_TO_FORGET, {"peephole": True}, {"bias": False})),
    *((BIDIRECTIONAL, BIDIRECTIONAL | on) for on in (RELU, COUPLED_TO_FORGET, {"peephole": True}, {"cell_clip": 0.25})),
    (NO_STATES, NO_STATES | HOLES),
    (NO_STATES, NO_STATES | {"lengths": (3, 5, 2)}),
    (NO_STATES | {"lengths": (3, 5, 2)}, NO_STATES | HOLES),
    *map(of_keras_and_others, OTHER_ALPHA),
    (
        {"T": 4, "blocks": (1, 3), "layers": 2, "gradients": "whole"},
        {"T": 4, "blocks": (1, 3), "layers": 2, "gradients": "truncated"},
    ),
]
"""Fields with an option off, and with it on."""
TOGGLED = (
    *("numpy", "torch", "tf-block-lstm", "tf1-lstm-cell"),
    *("keras-tensorflow", "keras-jax", "keras-torch", "onnxruntime", "litert"),
)
