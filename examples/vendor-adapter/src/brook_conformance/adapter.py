"""brook's LSTM layer for lstm-conformance. What it accepts is in brook.c."""

import numpy as np

from conformance.adapters.base import Adapter, zeros_if_absent
from conformance.adapters.capabilities import Capabilities

GATES = [1, 0, 3, 2]
"""f, i, o, g, from the canonical i, f, g, o."""


class Brook(Adapter):
    """brook on the CPU."""

    name = "brook"
    capabilities = Capabilities(
        dtypes=frozenset({"float32"}),
        directions=frozenset({"forward", "reverse"}),
        max_layers=1,
        lengths="each",
        min_length=0,
        lengths_via=frozenset({"argument"}),
        forget_bias=True,
        peephole=frozenset({"new-cell"}),
        cell_clip=True,
        head=False,
    )

    def __init__(self, device="cpu"):
        super().__init__(device)
        from brook_conformance import engine

        self.engine = engine
        self.brook = engine.Brook()

    @property
    def versions(self):
        return {"brook": self.brook.version}

    def prepare(self, case, weights):
        packed = unit_by_unit(weights.rows[0])
        layer = self.engine.Layer(
            inputs=case.I,
            units=case.H,
            reverse=case.direction == "reverse",
            peepholes=case.peephole,
            forget_bias=case.forget_bias,
            cell_clip=case.cell_clip or 0.0,
        )

        def model(inputs):
            h0, c0 = zeros_if_absent(case, inputs)
            h, c = h0[0].copy(), c0[0].copy()  # brook writes the final states over the initial ones
            x = np.ascontiguousarray(inputs.x.transpose(1, 0, 2))
            lengths = None if inputs.lengths is None else inputs.lengths.astype(np.int32)
            y = self.brook.run(layer, packed, x, lengths, h, c)
            return {"y": y.transpose(1, 0, 2), "h_n": h[None], "c_n": c[None]}

        return model


def unit_by_unit(row):
    """W (4, H, I), R (4, H, H), biases (4, H) and peepholes (3, H; i, f, o) as brook wants them: (H, ...).

    A `Layout` says how gates and tensors follow one another; units outside of gates are a transposition more.
    """
    gates = np.concatenate([row.bias[..., None], row.W, row.R], axis=-1)[GATES]
    units = gates.transpose(1, 0, 2).reshape(gates.shape[1], -1)
    if row.peephole is not None:
        units = np.concatenate([units, row.peephole[[1, 0, 2]].T], axis=-1)
    return np.ascontiguousarray(units)
