"""A function of the user's is asked for its answers and judged as an adapter is; a wrong call is one clear error."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import conformance
from conformance.case.errors import ConformanceError
from conformance.verdict.contracts import Contracts

SOME = ("cell/*", "sequence/short-f*", "batch/rows-*", "!*f16*")


def sigmoid(z: Any) -> Any:
    return np.exp(-np.logaddexp(0, -z))


def scan(weights: dict[str, Any], x: Any, h: Any, c: Any, order: str = "ifgo") -> Any:
    """A plain LSTM over weights in torch's layout; another order of gates is a mistake."""
    bias = sum(weights.get(f"bias_{name}_l0", np.zeros((), x.dtype)) for name in ("ih", "hh"))
    ys = []
    for x_t in x:
        z = np.split(x_t @ weights["weight_ih_l0"].T + h @ weights["weight_hh_l0"].T + bias, 4, axis=-1)
        i, f, g, o = (z[order.index(gate)] for gate in "ifgo")
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        ys.append(h)
    return np.stack(ys), h, c


def right(weights: Any, x: Any, h0: Any, c0: Any) -> Any:
    y, h, c = scan(weights, x, h0[0], c0[0])
    return y, (h[None], c[None])


def swapped(weights: Any, x: Any, h0: Any, c0: Any) -> Any:
    y, h, c = scan(weights, x, h0[0], c0[0], "figo")
    return {"y": y, "h_n": h[None], "c_n": c[None]}


def test_a_right_function_passes() -> None:
    report = conformance.check(right, cases=SOME)
    assert report
    assert not report.failed
    assert {"cell/step-f32-both-states", "sequence/short-f64", "batch/rows-f32"} <= {v.case for v in report.passed}
    assert report.refused["cell/step-forget-bias-f32"] == "right has no forget bias at run time"
    assert 0 < report.noise < 11
    assert conformance.assert_conforms(right, cases="batch/rows-f32")


def test_a_wrong_function_is_told_by_the_name_of_its_mistake() -> None:
    with pytest.raises(AssertionError) as raised:
        conformance.assert_conforms(swapped, cases=SOME)
    text = str(raised.value)
    assert "FAILED cell/step-f32-both-states [swapped; numpy" in text
    assert "looks like: gates-figo-read-as-ifgo (reproduces it" in text
    assert "stopped after 5 wrong answers (maxfail)" in text
    assert "again: conformance.check(swapped, cases='cell/step-f32-both-states', ...)" in text


def test_the_text_is_that_of_the_command_line() -> None:
    (verdict,) = conformance.check(swapped, cases="sequence/short-f32").failed
    (case,) = conformance.cases("sequence/short-f32")
    inputs = case.inputs
    judged = conformance.judge(case, swapped(case.weights_in("torch"), inputs["x"], inputs["h0"], inputs["c0"]))
    assert judged.message.splitlines()[1:] == verdict.message.splitlines()[1:-1]
    assert judged.diagnosis == verdict.diagnosis
    assert judged.diagnosis[0].mistakes == ("gates-figo-read-as-ifgo",)


def test_batch_first_and_states_without_an_axis() -> None:
    def turned(weights: Any, x: Any, h0: Any, c0: Any) -> Any:
        y, h, c = scan(weights, x.swapaxes(0, 1), h0[0], c0[0])
        return y.swapaxes(0, 1), h, c

    assert conformance.check(turned, cases=SOME, batch_first=True, layer_axis=False)
    with pytest.raises(ConformanceError, match="say layer_axis=False"):
        conformance.check(turned, cases=SOME, batch_first=True)


def test_what_a_function_does_not_take_is_refused_and_counted() -> None:
    def stateless(weights: Any, x: Any) -> Any:
        zeros = np.zeros((x.shape[1], weights["weight_hh_l0"].shape[1]), x.dtype)
        y, h, c = scan(weights, x, zeros, zeros)
        return y, h[None], c[None]

    report = conformance.check(stateless, cases=["cell/*-f32-*", "lengths/all-full-f32"])
    assert [verdict.case for verdict in report.passed] == ["cell/step-f32-no-states"]
    assert report.refused["cell/step-f32-h0-only"] == "stateless takes no h0"
    assert "lengths/all-full-f32" in report.refused
    assert "refused: 2 cases: stateless takes no h0" in str(report)


def test_a_function_takes_lengths_and_holes_where_it_names_them() -> None:
    asked: list[Any] = []

    def padded(weights: Any, x: Any, h0: Any, c0: Any, lengths: Any, mask: Any, case: Any) -> Any:
        asked.append((case.id, lengths, mask))
        raise conformance.Unsupported("not today")

    report = conformance.check(padded, cases=["lengths/unsorted-forward-f32", "cell/step-f32-both-states"])
    assert set(report.refused.values()) == {"not today"}
    assert not report
    _, lengths, mask = next(each for each in asked if each[0].startswith("lengths"))
    assert lengths.tolist() == [3, 7, 1, 5, 2]
    assert mask.sum(axis=0).tolist() == [3, 7, 1, 5, 2]
    _, lengths, mask = next(each for each in asked if each[0].startswith("cell"))
    assert lengths.tolist() == [1, 1, 1]
    assert mask.all()


def test_nothing_answered_does_not_conform() -> None:
    with pytest.raises(AssertionError, match="no case was answered"):
        conformance.assert_conforms(right, cases="peephole/*")


def test_what_it_raises_is_its_answer() -> None:
    def raises(weights: Any, x: Any, h0: Any, c0: Any) -> Any:
        raise ZeroDivisionError("of mine")

    (verdict,) = conformance.check(raises, cases="batch/rows-f32").failed
    assert "ERRORED batch/rows-f32" in verdict.message
    assert "ZeroDivisionError: of mine" in verdict.message


def test_wrong_dtype_and_shape_are_told() -> None:
    def doubled(weights: Any, x: Any, h0: Any, c0: Any) -> Any:
        y, (h, c) = right(weights, x, h0, c0)
        return y.astype(np.float64), h[..., :2], c

    (verdict,) = conformance.check(doubled, cases="batch/rows-f32").failed
    assert "y: has dtype float64, needs float32" in verdict.message
    assert "h_n: has shape (1, 4, 2), needs (1, 4, 5)" in verdict.message


@pytest.mark.parametrize(
    ("subject", "options", "said"),
    [
        (right, {"cases": "nothing/*"}, "no case matches 'nothing/\\*'"),
        (right, {"cases": []}, "cases is empty"),
        (right, {"cases": [3]}, "cases has a int"),
        (right, {"layout": "troch"}, "did you mean 'torch'"),
        (right, {"supports": "all"}, "must be a conformance.Capabilities"),
        (right, {"layouts": "torch"}, "no option 'layouts'"),
        (right, {"specs": "absent"}, "specs must be a folder"),
        (right, {"padded_y": "nan"}, "padded_y is 'nan'"),
        (3, {}, "a int cannot be checked"),
        (dict, {}, "neither a class of torch modules nor of Keras layers"),
        (lambda case: 3, {}, "must return a torch.nn.Module or a keras.Layer, not a int"),
        (lambda weights, xs: 3, {}, "has a parameter 'xs'; it is called with those of weights"),
        (lambda weights, x, h0, c0: x, {}, "y and both final states are judged"),
        (lambda weights, x, h0, c0: (x, x), {}, "returned a tuple of 2"),
    ],
)
def test_what_cannot_be_asked_is_one_clear_error(subject: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConformanceError, match=said):
        conformance.check(subject, **{"cases": "cell/step-f32-both-states", **options})


def test_cases_are_plain_arrays_of_ones_own() -> None:
    first, again = (conformance.cases("stack/plain-*-bidirectional-f32", "!*layers3*")[0] for _ in range(2))
    assert first.id == again.id == "stack/plain-layers2-bidirectional-f32"
    first.weights["W.0"][:] = 0
    assert np.any(first.weights["W.0"])
    assert (first.T, first.B, first.I, first.H, first.layers, first.direction) == (5, 4, 7, 6, 2, "bidirectional")
    assert first.weights_in("torch")["weight_hh_l1_reverse"].shape == (24, 6)
    assert first.weights_in("keras")["recurrent_kernel.3"].shape == (6, 24)
    assert first.golden["y"].dtype == np.float64
    assert (first.allowed("y") > 0).all()
    assert first.tolerance == {"noise": 11.0}
    with pytest.raises(ConformanceError, match="no place for peephole"):
        conformance.cases("peephole/*")[0].weights_in("torch")


def test_a_judgement_under_contracts() -> None:
    case = conformance.cases("lengths/zero-forward-f32")[0]
    golden = case.golden
    zeroed = Contracts("last", "zeros").applied(case.spec, golden)
    outputs = {name: array.astype(np.float32) for name, array in zeroed.items()}
    assert conformance.judge(case, outputs, padded_y="last", empty_rows="zeros")
    assert not conformance.judge(case, outputs)
    outputs["y"] = np.where(np.arange(6)[:, None, None] < np.array([3, 0, 6, 2])[:, None], outputs["y"], np.nan)
    assert conformance.judge(case, outputs, padded_y="undefined", empty_rows="zeros").passed


def test_missing_and_unknown_outputs_are_told() -> None:
    case = conformance.cases("cell/step-f32-both-states")[0]
    verdict = conformance.judge(case, {"y": [1.0], "c_n": np.zeros(3)})
    assert not verdict
    assert "y: is a list, needs to be a NumPy array of float32" in str(verdict)
    assert "h_n: not returned" in str(verdict)
    assert "c_n: has shape (3,), needs (1, 3, 4)" in str(verdict)
    with pytest.raises(ConformanceError, match="has no output 'hn'; did you mean 'h_n'"):
        conformance.judge(case, {"hn": np.zeros(3)})
    with pytest.raises(ConformanceError, match=r"case is a str; give one of conformance.cases\(...\)"):
        conformance.judge(case.id, {})  # type: ignore[arg-type]
    with pytest.raises(ConformanceError, match="3 is not a pattern; give texts, like 'lengths/\\*'"):
        conformance.cases(3)  # type: ignore[arg-type]


def test_importing_it_imports_nothing_else() -> None:
    program = (
        "import sys, conformance; "
        "print(sorted(m for m in sys.modules if m.split('.')[0] in ('numpy', 'pydantic', 'torch', 'keras', 'yaml')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    assert set(conformance.__all__) <= set(dir(conformance))
    with pytest.raises(AttributeError, match="has no attribute 'chek'"):
        conformance.chek  # type: ignore[attr-defined]  # noqa: B018
