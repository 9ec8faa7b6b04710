"""An adapter with every fault that `conformance smoke` is there to find, each where it touches one check or a few.

It wraps the reference, which is right. FAULTS says what smoke has to say of each.
"""

import ctypes
import os
import time
from dataclasses import replace

import lstm_unsound_framework
import numpy as np

from conformance.adapters.capabilities import Capabilities
from conformance.adapters.numpy_reference import NumpyReference
from conformance.case.errors import UnsupportedOption
from conformance.case.options import Activation, Activations


class Unsound(NumpyReference):
    name = "unsound"
    capabilities = replace(NumpyReference.capabilities, batch_major=True)
    devices = frozenset({"cpu", "shares", "nameless"})

    def __init__(self, device="cpu"):
        super().__init__(device)
        self.made = 0

    @property
    def versions(self):
        return {} if self.device == "nameless" else {"lstm-unsound-framework": lstm_unsound_framework.__version__}

    def prepare(self, case, weights):
        if self.device == "shares":
            return self.shares(super().prepare(case, weights))
        self.refuse(case)
        right = super().prepare(ignoring(case), forgetting(case, weights))
        kept = {}

        def model(inputs):
            if case.calls:  # begins with the last call's state, whatever it is given
                inputs = replace(inputs, c0=kept.get("c_n", inputs.c0))
            if case.lengths == (0, 5, 2):
                ctypes.memset(inputs.x.ctypes.data, 0, 4)
            kept.update(right(misreading(case, inputs)))
            return spoiled(case, dict(kept))

        return model

    @staticmethod
    def refuse(case):
        if case.layout == "batch_major":
            raise RuntimeError("no kernel for this layout")
        if case.coupling == "input=1-forget":
            raise UnsupportedOption("unsound: couples the other way only")
        if case.layer_norm == "nnapi":
            print("out of memory", flush=True)
            os._exit(3)
        if case.projection_clip == 0.0625:
            time.sleep(3600)

    def shares(self, right):
        """One buffer for all calls; and every model is a little off the one before."""
        self.made += 1
        buffers = {}

        def model(inputs):
            for name, array in right(inputs).items():
                buffers.setdefault(name, np.empty_like(array))[...] = array + array.dtype.type(self.made)
            return dict(buffers)

        return model


def ignoring(case):
    """The case without what gets lost on the way."""
    lost = {"peephole": False, "forget_bias": 0.0}
    if case.direction == "reverse":
        lost["direction"] = "forward"
    if case.cell_clip is not None:
        lost["cell_clip"] = 0.75
    if case.gate_clip is not None:
        lost["gate_clip"] = case.gate_clip.model_copy(update={"reading": "gates"})
    if case.lengths_via == "argument":
        lost |= {"lengths": None, "lengths_via": None}
    if case.skip is not None:
        lost["skip"] = None
    if case.gradients == "truncated":
        lost["gradients"] = "whole"
    lost["activations"] = tuple(Activations(**{p: known(p, getattr(case.activations[0], p)) for p in POSITIONS})
                                for _ in case.activations)  # fmt: skip
    return case.model_copy(update=lost)


POSITIONS = ("gate", "cell", "hidden")


def known(position, activation):
    if activation.name == "elu":
        return Activation(name="elu", alpha=0.5)
    if activation.name == "leaky_relu" and activation.defaults == "onnx":
        return Activation(name="leaky_relu", alpha=0.3)
    return Activation(name="tanh") if position == "hidden" and activation.name == "softsign" else activation


def forgetting(case, weights):
    """The weights without what is not handed over."""
    first = weights.rows[0]
    R = first.R.copy()
    R[1] = 0
    rows = [replace(first, R=R), *weights.rows[1:]]
    if len(rows) == 4:
        rows[3] = replace(rows[3], b_r=np.zeros_like(rows[3].b_r))
    return replace(weights, rows=tuple(replace(row, peephole=None) for row in rows))


def misreading(case, inputs):
    """The inputs without what is not handed over."""
    changed = {}
    if case.lengths_via == "argument":
        changed["lengths"] = None
    if case.skip is not None:
        changed["mask"] = None
    if inputs.h0 is None and inputs.c0 is not None:
        changed["h0"] = np.ones((case.D, inputs.x.shape[1], case.H), inputs.x.dtype)
    elif inputs.h0 is not None and len(inputs.h0) == 4:
        changed["h0"] = inputs.h0.copy()
        changed["h0"][2] = 0
    if case.blocks and case.lengths is not None:
        changed["lengths"] = np.array(case.lengths)  # those of the whole sequence
    elif len(inputs.x) == 3 and case.blocks:  # the second block of 2 and 3
        changed["c0"] = np.zeros_like(inputs.c0)
    if inputs.dc_n is not None:
        changed["dc_n"] = None
    return replace(inputs, **changed)


def spoiled(case, outputs):
    """The answer as it comes back."""
    if outputs["y"].shape[1] == 3:
        outputs["y"][:, 1] += outputs["y"][:, 0]  # rows that get mixed up
    if "d_c0" in outputs:
        outputs["d_c0"] = np.zeros_like(outputs["d_c0"])
    if "probabilities" in outputs:
        outputs["probabilities"] = np.full_like(outputs["probabilities"], 1 / 3)
    if case.head is not None and case.head.after == "last_step":
        outputs["logits"] = outputs["logits"][None]
    if case.layers == 2 and case.direction == "forward":
        outputs["h_n"][0, 0, 0] = np.nan
    if case.dtype == "float64":
        outputs = {name: array.astype(np.float32).astype(np.float64) for name, array in outputs.items()}
    if case.dtype == "float16":
        outputs["y"] = outputs["y"].astype(np.float32)
    if case.dtype == "bfloat16":
        del outputs["c_n"]
    return outputs


class Words(NumpyReference):
    name = "unsound-word"
    capabilities = Capabilities(
        directions=frozenset({"forward", "backward"}),
        coupling=frozenset({"cifg"}),
        lengths="per row",  # type: ignore[arg-type]
        max_layers=0,
    )
