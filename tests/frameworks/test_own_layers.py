"""torch modules and Keras layers of a user's own are checked as docs/python-api.md says; wrong ones are named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from agreement import BACKEND
from documents import ROOT, files

import conformance
from conformance.case.errors import ConformanceError

EXAMPLES = dict(files(ROOT / "docs" / "python-api.md"))
LAYOUT = {"W_x": ("W",), "W_h": ("R",), "b": ("b",)}
SOME = ("cell/step-f32-*", "sequence/short-f*", "gradients/whole-forward-*", "gradients/stream-truncated-one-f32")


@pytest.mark.torch
@pytest.mark.filterwarnings("default")
def test_the_torch_example_runs_and_a_wrong_order_of_gates_is_named(tmp_path: Path) -> None:
    text = EXAMPLES["test_my_torch_lstm.py"]
    pytest.importorskip("torch").set_num_threads(1)
    cases = ', cases=["cell/*", "batch/*-f32", "gradients/*", "!*f16"])'
    (tmp_path / "test_my_torch_lstm.py").write_text(text.replace("layout=layout)", "layout=layout" + cases))
    (tmp_path / "test_wrong.py").write_text(text.replace('"ifgo"', '"figo"'))
    for name, code in (("test_my_torch_lstm.py", 0), ("test_wrong.py", 1)):
        done = _pytest(name, tmp_path)
        assert done.returncode == code, done.stdout + done.stderr
    assert "looks like: gates-figo-read-as-ifgo (reproduces it" in done.stdout


def _pytest(name: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", name]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=200, check=False)


@pytest.fixture
def torch() -> Any:
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    return torch


@pytest.fixture
def own(torch: Any) -> Any:
    """A class of modules with names of its own; `order` and `detached` make it wrong."""

    class Own(torch.nn.Module):
        order = "ifgo"
        detached = False

        def __init__(self, input_size: int, hidden_size: int) -> None:
            super().__init__()
            sizes = {
                "W_x": (4 * hidden_size, input_size),
                "W_h": (4 * hidden_size, hidden_size),
                "b": (4 * hidden_size,),
            }
            for name, size in sizes.items():
                setattr(self, name, torch.nn.Parameter(torch.zeros(size)))

        def forward(self, x: Any, state: Any = None) -> Any:
            zeros = x.new_zeros(1, x.shape[1], self.W_h.shape[1])
            (h,), (c,) = state or (zeros, zeros)
            ys = []
            for x_t in x:
                z = (x_t @ self.W_x.T + h @ self.W_h.T + self.b).chunk(4, -1)
                i, f, g, o = (z[self.order.index(gate)] for gate in "ifgo")
                c = f.sigmoid() * (c.detach() if self.detached else c) + i.sigmoid() * g.tanh()
                h = o.sigmoid() * c.tanh()
                ys.append(h)
            return torch.stack(ys), (h[None], c[None])

    return Own


@pytest.mark.torch
def test_a_right_module_passes_with_its_gradients(own: Any) -> None:
    report = conformance.check(own, layout=conformance.Layout("ifgo", LAYOUT), cases=SOME)
    assert report, str(report)
    assert "gradients/whole-forward-f64" in {verdict.case for verdict in report.passed}
    assert "gradients/stream-truncated-one-f32" in {verdict.case for verdict in report.passed}
    without = conformance.check(own, layout=conformance.Layout("ifgo", LAYOUT), cases=SOME, gradients=False)
    assert "gradients/whole-forward-f64" in without.refused
    assert "gradients are left out, as you said" in str(without)


@pytest.mark.torch
def test_swapped_gates_are_named(own: Any) -> None:
    own.order = "figo"
    with pytest.raises(AssertionError, match="looks like: gates-figo-read-as-ifgo"):
        conformance.assert_conforms(own, layout=conformance.Layout("ifgo", LAYOUT), cases=SOME)


@pytest.mark.torch
def test_wrong_gradients_alone_are_seen(own: Any) -> None:
    own.detached = True
    report = conformance.check(own, layout=conformance.Layout("ifgo", LAYOUT), cases=SOME)
    assert {verdict.case for verdict in report.failed} == {
        f"gradients/{name}" for name in ("whole-forward-f32", "whole-forward-f64", "stream-truncated-one-f32")
    }
    assert all("d_c0" in verdict.message for verdict in report.failed)


@pytest.mark.torch
def test_ways_of_making_loading_and_calling(own: Any, torch: Any) -> None:
    layout = conformance.Layout("ifgo", LAYOUT)
    case = "cell/step-f32-both-states"

    def load(module: Any, weights: dict[str, Any]) -> None:
        module.W_x.copy_(weights["weight_ih_l0"])
        module.W_h.copy_(weights["weight_hh_l0"])
        module.b.copy_(weights["bias_ih_l0"] + weights["bias_hh_l0"])

    def call_turned(module: Any, x: Any, h0: Any, c0: Any) -> Any:
        y, (h, c) = module(x.transpose(0, 1), (h0[None], c0[None]))
        return y.transpose(0, 1), h[0], c[0]

    class BatchFirst(own):
        def forward(self, x: Any, state: Any = None) -> Any:
            y, (h, c) = super().forward(x.transpose(0, 1), None if state is None else tuple(s[None] for s in state))
            return y.transpose(0, 1), (h[0], c[0])

    assert conformance.check(lambda each: own(each.I, each.H), layout=layout, cases=case)
    assert conformance.check(own, load=load, cases=[case, "cell/step-f32-no-states"])
    assert conformance.check(BatchFirst, layout=layout, cases=SOME, batch_first=True, layer_axis=False)
    assert conformance.check(own, layout=layout, cases=SOME, batch_first=True, layer_axis=False, call=call_turned)
    with pytest.raises(ConformanceError, match=r"took its first two axes the other way round.* say batch_first=True"):
        conformance.check(BatchFirst, layout=layout, cases="state/initial-neither-forward", layer_axis=False)
    unsaid = conformance.check(BatchFirst, layout=layout, cases="batch/rows-f32", layer_axis=False)
    assert "nothing was answered" in str(unsaid)
    assert "with batch_first=True (B, T, I)" in str(unsaid)
    loaded = conformance.check(own, load=load, cases="gradients/whole-forward-f32")
    assert "load=" in loaded.refused["gradients/whole-forward-f32"]


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning")
def test_nn_lstm_itself_needs_nothing_said(torch: Any) -> None:
    cases = ("stack/plain-*-f32", "lengths/unsorted-*-f32", "projection/*-f32", "gradients/stack-bidirectional-f64")
    report = conformance.check(torch.nn.LSTM, cases=cases)
    assert report, str(report)
    passed = {verdict.case for verdict in report.passed}
    assert {"lengths/unsorted-bidirectional-f32", "stack/plain-layers3-bidirectional-f32"} <= passed
    assert "gradients/stack-bidirectional-f64" in passed


@pytest.mark.torch
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "Own has no parameter 'weight_ih_l0', which the layout names, and nothing sets its parameter 'W_x'"),
        (
            {"layout": conformance.Layout("ifgo", {"W_x": ("W",), "W_h": ("R",)})},
            "Nothing sets its parameter 'b'; Own has W_x, W_h, b, the layout names W_x, W_h",
        ),
        ({"layout": conformance.Layout("ifgo", LAYOUT, transposed=True)}, r"W_x has shape \(16, 5\), the layout makes"),
        ({"layout": conformance.Layout("ifgo", LAYOUT), "call": lambda model: 3}, "call has a parameter 'model'"),
        ({"layout": conformance.Layout("ifgo", LAYOUT), "call": lambda module, x: x}, "Own returned a Tensor"),
    ],
)
def test_what_does_not_fit_is_one_clear_error(own: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConformanceError, match=said):
        conformance.check(own, cases="cell/step-f32-both-states", **options)


@pytest.mark.torch
def test_a_module_that_is_made_and_a_class_with_other_arguments(own: Any) -> None:
    class Other(own):
        def __init__(self, n_in: int, n: int) -> None:
            super().__init__(n_in, n)

    with pytest.raises(ConformanceError, match=r"has been made already.* lambda case: Own\(case.I, case.H\)"):
        conformance.check(own(3, 4))
    with pytest.raises(ConformanceError, match=r"needs an argument 'n_in'.* lambda case: Other\(case.I, case.H\)"):
        conformance.check(Other, cases="cell/step-f32-both-states")


@pytest.mark.keras
@pytest.mark.filterwarnings("default")
def test_the_keras_example_runs(tmp_path: Path) -> None:
    pytest.importorskip("keras")
    text = EXAMPLES["test_my_keras_lstm.py"]
    if BACKEND == "jax":  # which compiles each case
        text = text.replace('["cell/*", "sequence/*", "batch/*", "gradients/*", "!*bf16"]', '["cell/step-f32-*"]')
    if BACKEND == "torch":  # where keras.ops.matmul computes float64 in float32 (deviations/keras-torch.yaml)
        text = text.replace('"!*bf16"', '"!*bf16", "!*f64*"')
    (tmp_path / "test_my_keras_lstm.py").write_text(text)
    done = _pytest("test_my_keras_lstm.py", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.keras
def test_a_keras_cell_of_ones_own_is_checked_in_keras_loop() -> None:
    keras = pytest.importorskip("keras")

    class Swapped(keras.layers.LSTMCell):
        def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
            h, c = states
            z = keras.ops.matmul(inputs, self.kernel) + keras.ops.matmul(h, self.recurrent_kernel) + self.bias
            f, i, g, o = keras.ops.split(z, 4, axis=-1)
            c = keras.ops.sigmoid(f) * c + keras.ops.sigmoid(i) * keras.ops.tanh(g)
            h = keras.ops.sigmoid(o) * keras.ops.tanh(c)
            return h, [h, c]

    def layer(cell: Any) -> Any:
        return lambda case: keras.layers.RNN(
            cell(case.H, recurrent_initializer="zeros", dtype=case.dtype),
            return_sequences=True,
            return_state=True,
            dtype=case.dtype,
        )

    cases = ("batch/rows-f32", "lengths/all-short-forward-f32")
    assert len(conformance.check(layer(keras.layers.LSTMCell), cases=cases).passed) == 2
    wrong = conformance.check(layer(Swapped), cases=cases[0])
    assert "looks like: gates-figo-read-as-ifgo" in str(wrong)
