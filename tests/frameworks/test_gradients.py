"""The reference's gradients against autograd through a second implementation of the equations.

That implementation shares no code with this package. The frameworks' own gradients are tested by rows of tables.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conformance.case.model import Case
from conformance.case.tensors import Arrays
from conformance.golden.inputs import make_arrays
from conformance.lstm.gradients import Gradients

pytestmark = pytest.mark.torch


def by_autograd(wanted: Case, arrays: Arrays) -> dict[str, Any]:
    """The gradients of one forward layer with any option of the cell."""
    torch = pytest.importorskip("torch")
    names = [name for name in (*wanted.input_shapes, *wanted.weight_shapes) if name not in ("dy", "dh_n", "dc_n")]
    flat = arrays.flat
    leaf = {
        n: torch.tensor(flat[f"inputs.{n}" if n in wanted.input_shapes else f"weights.{n}"], requires_grad=True)
        for n in names
    }
    w = {n.removesuffix(".0"): t for n, t in leaf.items()}
    clip = wanted.gate_clip

    def norm(v: Any, gamma: Any, beta: Any, epsilon: float) -> Any:
        return gamma * (v - v.mean(-1, keepdim=True)) / (v.var(-1, correction=0, keepdim=True) + epsilon).sqrt() + beta

    def argument(k: int, x: Any, h: Any, c: Any) -> Any:
        z = x @ w["W"][k].T + h @ w["R"][k].T
        b = w["b_w"][k] + w["b_r"][k] if wanted.bias else 0.0
        z = z if wanted.layer_norm else z + b
        if wanted.peephole and k != 2:
            z = z + w["peephole"][min(k, 2)] * c
        if wanted.layer_norm == "nnapi":
            z = norm(z, w["gamma"][k], b, 1e-8)
        elif wanted.layer_norm:
            z = norm(z, w["gamma"][k], w["beta"][k], 1e-12)
        z = z + wanted.forget_bias if k == 1 else z
        return z.clamp(-clip.bound, clip.bound) if clip else z

    h, c, y = w["h0"], w["c0"], []
    h, c = h[0], c[0]
    for x in w["x"]:
        i, f = torch.sigmoid(argument(0, x, h, c)), torch.sigmoid(argument(1, x, h, c))
        f = 1 - i if wanted.coupling == "forget=1-input" else f
        i = 1 - f if wanted.coupling == "input=1-forget" else i
        c = f * c + i * torch.tanh(argument(2, x, h, c))
        c = norm(c, w["gamma_cell"], w["beta_cell"], 1e-12) if wanted.layer_norm == "basic-lstm-cell" else c
        c = c.clamp(-wanted.cell_clip, wanted.cell_clip) if wanted.cell_clip else c
        shown = c.clamp(-clip.bound, clip.bound) if clip and clip.reading == "all" else c
        h = torch.sigmoid(argument(3, x, h, c)) * torch.tanh(shown)
        if wanted.P is not None:
            h = h @ w["projection"].T + (w["projection_bias"] if wanted.projection_bias else 0.0)
        h = h.clamp(-wanted.projection_clip, wanted.projection_clip) if wanted.projection_clip else h
        y.append(h)
    ends = [torch.tensor(flat[f"inputs.{name}"]) for name in ("dy", "dh_n", "dc_n")]
    torch.autograd.backward([torch.stack(y), h[None], c[None]], ends)
    return {f"d_{name}": np.zeros(t.shape) if t.grad is None else t.grad.numpy() for name, t in leaf.items()}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"peephole": True, "forget_bias": 1.5},
        {"P": 3, "projection_bias": True},
        {"P": 3, "projection_clip": 0.25},
        {"coupling": "forget=1-input"},
        {"coupling": "input=1-forget", "peephole": True},
        {"gate_clip": {"bound": 0.5, "reading": "gates"}, "peephole": True},
        {"gate_clip": {"bound": 0.5, "reading": "all"}},
        {"cell_clip": 0.5, "peephole": True},
        {"layer_norm": "basic-lstm-cell", "bias": False, "forget_bias": 1.0},
        {"layer_norm": "nnapi", "peephole": True, "P": 3},
    ],
    ids=str,
)
def test_the_references_gradients_are_those_of_autograd(fields: dict[str, Any]) -> None:
    sizes = {"id": "gradients/autograd", "T": 4, "B": 3, "I": 2, "H": 5, "dtype": "float64", "gradients": "whole"}
    wanted = Case.model_validate(sizes | fields)
    arrays = make_arrays(wanted)
    got = Gradients(wanted).run(arrays)
    for name, array in by_autograd(wanted, arrays).items():
        np.testing.assert_allclose(got[name], array, rtol=1e-9, atol=1e-12, err_msg=name)
