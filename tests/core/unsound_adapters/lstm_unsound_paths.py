"""An adapter that is right where everything is plain, and loses an option on one of its other paths.

Its device says what it loses and where: `forget_bias-in-lengths`.
"""

from dataclasses import replace

import numpy as np

from conformance.adapters.numpy_reference import NumpyReference
from conformance.case.errors import UnsupportedOption
from conformance.case.options import Activations

PLACES = ("calls", "blocks", "lengths", "reverse", "second-direction")
LOSES = {
    "bias": lambda case: {"bias": False},
    "forget_bias": lambda case: {"forget_bias": 0.0},
    "peephole": lambda case: {"peephole": False},
    "output_peephole": lambda case: {"output_peephole": "new-cell"},
    "gate_clip": lambda case: {"gate_clip": None},
    "cell_clip": lambda case: {"cell_clip": None},
    "projection_clip": lambda case: {"projection_clip": None},
    "projection_bias": lambda case: {"projection_bias": False},
    "coupling": lambda case: {"coupling": None},
    "layer_norm": lambda case: {"layer_norm": None},
    "activations": lambda case: {"activations": (Activations(),)},
}
"""What can be lost -> the keys of the case that the lossy path computes with."""
REFUSES = frozenset({"refuses-forget_bias", "refuses-lengths"})
"""Devices that refuse an option, which the class declares."""


class Losing(NumpyReference):
    name = "unsound-paths"
    devices = frozenset(f"{what}-in-{place}" for what in LOSES for place in PLACES) | REFUSES

    def prepare(self, case, weights):
        if self.device in REFUSES:
            if getattr(case, self.device.removeprefix("refuses-")):
                raise UnsupportedOption("unsound-paths: not in this version")
            return super().prepare(case, weights)
        what, _, place = self.device.partition("-in-")
        right = super().prepare(case, weights)
        fields = LOSES[what](case)
        lossy = super().prepare(case.model_copy(update=fields), without(weights, fields))
        called = 0

        def model(inputs):
            nonlocal called
            called += 1
            lost = {
                "calls": bool(case.calls) and called > 1,
                "blocks": bool(case.blocks) and called > 1,
                "lengths": case.lengths is not None,
                "reverse": case.direction == "reverse",
                "second-direction": case.direction == "bidirectional",
            }
            if not lost[place]:
                return right(inputs)
            if place != "second-direction":
                return lossy(inputs)
            halves = zip(right(inputs).items(), lossy(inputs).values(), strict=True)
            return {name: spliced(name, one, other, case) for (name, one), other in halves}

        return model


def without(weights, fields):
    """The weights of a layer that lacks what these keys take away."""
    gone = {
        "bias": ("b_w", "b_r"),
        "peephole": ("peephole",),
        "projection_bias": ("projection_bias",),
        "layer_norm": ("gamma", "beta", "gamma_cell", "beta_cell"),
    }
    names = [name for key in fields for name in gone.get(key, ())]
    return replace(weights, rows=tuple(replace(row, **dict.fromkeys(names)) for row in weights.rows))


def spliced(name, one, other, case):
    """The first direction of one answer, the second of the other."""
    if name == "y":
        return np.concatenate([one[..., : case.output_size], other[..., case.output_size :]], axis=-1)
    return np.concatenate([one[:1], other[1:]]) if name in ("h_n", "c_n") else one
