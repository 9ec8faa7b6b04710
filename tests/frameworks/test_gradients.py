"""Gradients by the frameworks: that what an adapter declares is done, and autograd as a third witness of the truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conformance.adapters import registry
from conformance.adapters.base import Adapter
from conformance.case.errors import AdapterUnavailable, UnsupportedOption
from conformance.case.model import Case
from conformance.case.tensors import Array, Arrays, Outputs
from conformance.golden.inputs import make_arrays
from conformance.lstm.gradients import Gradients
from conformance.lstm.kappa import kappa
from conformance.verdict.compare import judge

# Keras' own convert_to_numpy on PyTorch.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")

ADAPTERS = ("numpy", "torch", "keras-torch", "keras-tensorflow", "keras-jax", "tf-block-lstm")


@pytest.fixture(scope="module", params=ADAPTERS)
def adapter(request: pytest.FixtureRequest) -> Adapter:
    try:
        return registry.make(request.param)
    except AdapterUnavailable as reason:  # not installed, or Keras already has another backend in this process
        pytest.skip(str(reason))


def case(**fields: Any) -> Case:
    return Case.model_validate({"id": "fam/a", "T": 4, "B": 3, "I": 2, "H": 5, "gradients": "whole"} | fields)


def answer(adapter: Adapter, wanted: Case, arrays: Arrays) -> Outputs:
    return adapter.run(wanted, arrays.weights, arrays.inputs)


def assert_right(adapter: Adapter, wanted: Case) -> Outputs:
    arrays = make_arrays(wanted)
    got = answer(adapter, wanted, arrays)
    exact = Gradients(wanted).run(Arrays.from_tensors({n: _wide(a) for n, a in arrays.flat.items()}))
    outcome = judge(wanted, got, exact, kappa(wanted, arrays), precision=adapter.precision(wanted.dtype))
    assert not getattr(outcome, "differences", ()), outcome
    return got


def _wide(array: Array) -> Array:
    return array.astype(np.float64) if array.dtype == np.float32 else array


def test_whole_and_truncated_are_right_and_differ(adapter: Adapter) -> None:
    fields: dict[str, Any] = {"blocks": [1, 3], "layers": 2}
    whole, truncated = (assert_right(adapter, case(**fields, gradients=kind)) for kind in ("whole", "truncated"))
    assert not np.array_equal(whole["d_R.0"], truncated["d_R.0"])
    assert np.array_equal(whole["y"], truncated["y"])


def test_a_loss_and_its_gradients_are_right(adapter: Adapter) -> None:
    head = {"O": 3, "softmax": True, "cross_entropy": True}
    got = assert_right(adapter, case(head=head))
    alone = answer(adapter, case(head=head, gradients=None), make_arrays(case(head=head, gradients=None)))
    assert alone["loss"] == pytest.approx(got["loss"], rel=1e-6)
    assert assert_right(adapter, case(head=head | {"after": "last_step"}))["loss"] != got["loss"]


def test_absent_states_and_ends_are_taken_for_zero(adapter: Adapter) -> None:
    assert_right(adapter, case(h0=None, c0=None, dy=None))
    assert_right(adapter, case(c0=None, dh_n=None, dc_n=None))


def test_a_second_call_gives_the_same_gradients(adapter: Adapter) -> None:
    wanted = case()
    arrays = make_arrays(wanted)
    model = adapter.prepare(wanted, arrays.weights)
    first, second = model(arrays.inputs), model(arrays.inputs)
    assert all(np.array_equal(first[name], second[name]) for name in wanted.outputs)


def test_what_is_not_declared_is_refused() -> None:
    adapter = registry.make("numpy")
    plain = type(
        "Plain", (type(adapter),), {"capabilities": type(adapter.capabilities)(dtypes=frozenset({"float32"}))}
    )()
    for fields, reason in (
        ({}, "has no gradients whole"),
        ({"gradients": None, "head": {"O": 2, "softmax": True}}, "has no softmax"),
        ({"gradients": None, "head": {"O": 2, "cross_entropy": True}}, "has no cross-entropy"),
    ):
        with pytest.raises(UnsupportedOption, match=reason):
            answer(plain, case(**fields), make_arrays(case(**fields)))


# Autograd through the equations, written down once more: a witness that shares nothing with this package.


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
    wanted = case(dtype="float64", **fields)
    arrays = make_arrays(wanted)
    got = Gradients(wanted).run(arrays)
    for name, array in by_autograd(wanted, arrays).items():
        np.testing.assert_allclose(got[name], array, rtol=1e-9, atol=1e-12, err_msg=name)
