"""From layers to cases: names, sizes, dtypes, and what is known of engines that are not here."""

from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from brought_files import checked, torch_tensors, weights_file

from conformance.case.errors import ConformanceError
from conformance.case.load import load_specs
from conformance.case.model import Case
from conformance.case.options import Activation, Activations
from conformance.case.outcomes import Errored
from conformance.data import default_folders
from conformance.golden.build import build
from conformance.models import brought, known
from conformance.models.bring import bring
from conformance.models.checked import known_words
from conformance.models.wanted import Wanted
from conformance.results.deviations import Deviation, load_deviations
from conformance.results.record import RecordedSuspect
from conformance.results.result import Result
from conformance.views.checked import as_text


def layer(tmp_path: Path, **wanted) -> brought.Brought:
    (found,) = bring(weights_file(tmp_path / "w.safetensors"), Wanted(**wanted)).layers
    return found


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("/decoder/rnn/LSTM", "decoder-rnn-lstm"),
        ("Ünicode é", "nicode"),
        ("...", "lstm"),
        ("a" * 500 + "z", "a" * 9 + "z"),
    ],
)
def test_names_of_layers_become_names_of_cases(text, name):
    found = brought.slug(text)
    assert found[-10:] == name[-10:]
    assert Case(id=f"f/{found}", T=1, B=1, I=1, H=1)


def test_names_that_occur_twice_are_numbered():
    assert brought.distinct(["a", "b", "a", "a"]) == ["a", "b", "a-2", "a-3"]


@pytest.mark.parametrize(
    ("sizes", "T", "B"),
    [
        ({}, 7, 3),
        ({"T": 4, "rows": 5}, 4, 5),
        ({"Steps": 4}, 4, 3),
        ({"time": 2, "BATCH": 9}, 2, 9),
    ],
)
def test_sizes_by_our_words(sizes, T, B, tmp_path):
    keys = layer(tmp_path, sizes=sizes).keys
    assert (keys["T"], keys["B"]) == (T, B)


def test_a_size_that_contradicts_the_input_is_refused(tmp_path):
    x = {"x": np.ones((4, 2, 3), np.float32)}
    assert layer(tmp_path, inputs=x).keys["T"] == 4
    with pytest.raises(ConformanceError, match="--size T=5, but x has T = 4"):
        layer(tmp_path, inputs=x, sizes={"T": 5})


def test_inputs_take_the_dtype_of_the_weights_where_no_number_changes(tmp_path):
    found = layer(tmp_path, inputs={"x": np.full((4, 2, 3), 0.5)})
    assert found.inputs["x"].dtype == np.float32


def test_what_cannot_be_judged_is_told(tmp_path):
    """Weights so large, in bfloat16, that honest rounding moves the answer by as much as its own size."""
    tensors = {name: (array * 40).astype(ml_dtypes.bfloat16) for name, array in torch_tensors().items()}
    result = checked(tmp_path / "suite", weights_file(tmp_path / "w.safetensors", tensors),
                     adapters=["numpy"], sizes={"T": 40})  # fmt: skip
    (found,) = result.layers
    assert "too ill-conditioned to judge in bfloat16" in found.problem
    assert found.case is None
    assert not result.judged
    assert "not checked: w/w: too ill-conditioned" in as_text(result)


def test_layers_with_long_names_that_begin_alike_keep_their_problems_apart(tmp_path):
    chaotic = {name: (array * 40).astype(ml_dtypes.bfloat16) for name, array in torch_tensors().items()}
    tensors = {f"a2.{name}": array for name, array in chaotic.items()} | torch_tensors(prefix="a.")
    result = checked(tmp_path / "suite", weights_file(tmp_path / "w.safetensors", tensors),
                     adapters=["numpy"], sizes={"T": 40})  # fmt: skip
    assert {each.layer.name: bool(each.problem) for each in result.layers} == {"a2": True, "a": False}


# What is known of engines.


@pytest.fixture(scope="module")
def suite() -> list[Case]:
    return load_specs(default_folders().specs)


def relu() -> Case:
    functions = Activations(
        gate=Activation(name="sigmoid"), cell=Activation(name="relu"), hidden=Activation(name="tanh")
    )
    return Case(id="mine/lstm", T=4, B=2, I=3, H=5, activations=(functions,))


def test_what_an_engine_would_get_wrong_is_told(suite):
    deviations = {"onnx-reference": load_deviations(default_folders().deviations, "onnx-reference")}
    (told,) = known.expected(relu(), build(relu()).vector, deviations, suite)
    assert told.startswith("known of onnx-reference (onnx ")
    assert "activations" in told
    plain = Case(id="mine/lstm", T=4, B=2, I=3, H=5)
    assert known.expected(plain, build(plain).vector, deviations, suite) == []


def test_a_deviation_is_shown_by_its_mistake_and_version():
    deviation = Deviation(
        cases=("a/*",), outcome="failed", mistake=("activations-ignored",), reason="It ignores them.",
        versions={"onnx": ">=1.17"}, where="x.yaml:1", repro="x.py", link="https://example.org/1",
    )  # fmt: skip
    record = Result(relu(), "onnx-reference", Errored("a stand-in for a wrong answer")).record()
    shown = record.model_copy(
        update={"suspects": (RecordedSuspect(mistakes=("activations-ignored",), how="", noise=1.0),)}
    )
    assert known.shown(shown, [deviation], {"onnx": "1.18"}) is deviation
    assert known.shown(shown, [deviation], {"onnx": "1.16"}) is None
    assert known.shown(record, [deviation], {"onnx": "1.18"}) is None
    assert known_words(deviation) == "It ignores them. (https://example.org/1)"
