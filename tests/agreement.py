"""Shared by the tests of all adapters: a case made from a few fields, its true answer in float64, the suite's verdict.

A row is the label of an adapter with the fields of a case; the tables in tests/frameworks consist of rows. Each row
carries the marks of its adapter's framework, so that `pytest -m torch tests/frameworks` runs what needs PyTorch and
nothing else.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conformance.adapters import registry
from conformance.adapters.base import Adapter
from conformance.case.errors import AdapterUnavailable
from conformance.case.model import Case
from conformance.case.outcomes import Failed, Passed
from conformance.case.tensors import Arrays, Outputs
from conformance.engines import state, table
from conformance.golden.inputs import make_arrays
from conformance.lstm.gradients import reference_of
from conformance.lstm.integers import kappa_in
from conformance.lstm.kappa import kappa
from conformance.verdict.compare import judge
from conformance.verdict.contracts import Contracts

Fields = dict[str, Any]

ADAPTERS: dict[str, tuple[str, ...]] = {
    "numpy": ("numpy", "numpy"),
    "torch": ("torch", "torch"),
    "torch-cell": ("torch", "torch"),
    "tf-block-lstm": ("tensorflow", "tensorflow"),
    "tf-block-lstm-v2": ("tensorflow", "tensorflow"),
    "tf-lstm-block-cell": ("tensorflow", "tensorflow"),
    "tf1-lstm-cell": ("tensorflow", "tensorflow", "tf_keras"),
    "keras-tensorflow": ("keras", "keras", "tensorflow"),
    "keras-jax": ("keras", "keras", "jax"),
    "keras-torch": ("keras", "keras", "torch"),
    "onnxruntime": ("onnx", "onnxruntime", "onnx"),
    "onnx-reference": ("onnx", "onnx"),
    "openvino": ("openvino", "openvino", "onnx"),
    "openvino-static": ("openvino", "openvino", "onnx"),
    "openvino-default": ("openvino", "openvino", "onnx"),
    "torch-torchscript-onnxruntime": ("export", "torch", "onnxruntime"),
    "torch-dynamo-onnxruntime": ("export", "torch", "onnx", "onnxscript", "onnxruntime"),
    "keras-onnxruntime": ("export", "tf2onnx", "keras", "tensorflow", "onnxruntime"),
    "litert": ("litert", "ai_edge_litert"),
    **dict.fromkeys(("tfjs-cpu", "tfjs-wasm"), ("engines",)),
    **dict.fromkeys(("onnxruntime-node", "onnxruntime-web", "webnn-onnxruntime-web"), ("engines", "onnx")),
    "webnn": ("engines",),
    "tflite-micro": ("engines", "tflite_micro", "ai_edge_litert"),
    "torch-quantizable": ("engines", "torch"),
    "torch-int8": ("engines", "torch"),
    "onnxruntime-int8": ("engines", "onnxruntime", "onnx"),
    "onnxruntime-int8-by-row": ("engines", "onnxruntime", "onnx"),
    "keras-torch-onnxruntime": ("engines", "keras", "torch", "onnx", "onnxscript", "onnxruntime"),
    "paddle-onnxruntime": ("engines", "paddle2onnx", "paddle", "onnxruntime"),
    "executorch": ("engines", "executorch", "torch"),
    "torch-litert": ("engines", "litert_torch", "torch"),
    "flax": ("engines", "flax", "optax", "jax"),
    "flax-linen": ("engines", "flax", "optax", "jax"),
    "haiku": ("engines", "haiku", "jax"),
    "equinox": ("engines", "equinox", "jax"),
    "jax-rnn": ("engines", "jax"),
    "opencv": ("engines", "cv2", "onnx"),
    "tract": ("engines", "tract", "onnx"),
    "iree": ("engines", "iree", "onnx"),
    "mnn": ("engines", "MNN", "onnx"),
    "ncnn": ("engines", "ncnn"),
    "paddle": ("engines", "paddle"),
    "paddle-static": ("engines", "paddle"),
    "paddle-inference": ("engines", "paddle"),
    "mlx": ("engines", "mlx"),
    "mindspore": ("engines", "mindspore"),
    "tinygrad": ("engines", "tinygrad"),
}
"""Every adapter: the mark of its framework, and the modules that it needs to be tested, the deciding one first."""

IN_NODE = {
    "tfjs-cpu": "tfjs-backend-cpu",
    "tfjs-wasm": "tfjs-backend-wasm",
    "onnxruntime-node": "onnxruntime-node",
    "onnxruntime-web": "onnxruntime-web",
    "webnn": "chromium",
    "webnn-onnxruntime-web": "onnxruntime-web",
}
"""The adapters of JavaScript engines, which have no module in Python, and the package that decides."""

MARKS = tuple(dict.fromkeys(mark for mark, *_ in ADAPTERS.values()))

BACKEND = os.environ.get("KERAS_BACKEND", "tensorflow")
"""The backend of Keras in this process; there can be only one."""
KERAS_ON = {
    "keras-tensorflow": "tensorflow",
    "keras-jax": "jax",
    "keras-torch": "torch",
    "keras-onnxruntime": "tensorflow",
    "keras-torch-onnxruntime": "torch",
}
"""The backend that each of Keras' adapters needs."""

_WARNINGS = {
    # Not our warnings: the frameworks deprecate parts of one another and of NumPy.
    "tensorflow": (
        "ignore::DeprecationWarning",
        "ignore:In the future `np.object`:FutureWarning",
        "ignore:`tf.nn.rnn_cell.LSTMCell` is deprecated:UserWarning",
    ),
    "keras": (
        "ignore::DeprecationWarning",
        "ignore:In the future `np.object`:FutureWarning",
        "ignore:__array__ implementation doesn't accept a copy keyword",
    ),
    "export": ("ignore::DeprecationWarning", "ignore:In the future `np.object`:FutureWarning"),
    "torch": ("ignore:LSTM with projections is not supported with oneDNN:UserWarning",),
    "engines": (
        "ignore::DeprecationWarning",
        "ignore:No ccache found:UserWarning",
        "ignore:Tensor do not have 'place' interface:UserWarning",
        "ignore:In transformed code:UserWarning",
        r"ignore:[\s\S]*is deprecated",
    ),
}


def marks_of(label: str) -> list[pytest.MarkDecorator]:
    """The mark of an adapter's framework, and filters for the warnings that it may give."""
    mark = ADAPTERS[registry.parse(label).name][0]
    return [getattr(pytest.mark, mark), *(pytest.mark.filterwarnings(text) for text in _WARNINGS.get(mark, ()))]


def row(label: str, *values: Any, words: str = "") -> Any:
    """A row for `pytest.mark.parametrize`: the label of an adapter and what it must answer.

    Args:
        words: what tells it from the adapter's other rows; if empty, the summaries of the cases among `values`.
    """
    shown = words or "-to-".join(case_of(value).summary() for value in values if isinstance(value, dict))
    return pytest.param(label, *values, marks=marks_of(label), id=f"{label}-{shown}".rstrip("-"))


def rows_of(table: dict[str, Iterable[Fields]]) -> Iterator[Any]:
    """Each adapter with each case that its interface accepts, once."""
    for label, rows in table.items():
        capabilities = registry.load(registry.parse(label).name).capabilities
        asked: dict[str, Any] = {}
        for fields in rows:
            case = case_of(fields)
            if capabilities.refusal(case) is None:
                asked.setdefault(repr(case), row(label, fields, words=case.summary()))
        yield from asked.values()


def case_of(fields: Fields) -> Case:
    """A case whose sizes are pairwise different, with these fields instead of the defaults."""
    return Case.model_validate({"id": "test/row", "seed": 7, "T": 5, "B": 3, "I": 4, "H": 6} | fields)


def adapter_of(label: str) -> Adapter:
    """The adapter, made once per process. Skips if its packages, its device or its Keras backend are missing.

    An engine with a place of its own has to be there if LSTM_REQUIRE_ALL is set.
    """
    name = registry.parse(label).name
    engine = table.engine_of(name)
    if engine is not None and engine.home != "shared":
        demand_installed(engine)
    for module in ADAPTERS[name][1:]:
        if find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    if KERAS_ON.get(name, BACKEND) != BACKEND:
        pytest.skip(f"needs KERAS_BACKEND={KERAS_ON[name]}: Keras has one backend per process")
    try:
        made = _made(label)
        if getattr(made, "products", None) == "saturated":
            pytest.skip("products of 8-bit integers are cut off on this processor, see test_onnxruntime_int8.py")
        return made
    except AdapterUnavailable as error:
        # No such device, TensorFlow already uses a GPU in this process, or tinygrad finds no compiler.
        if "@" in label or name in KERAS_ON or name == "tinygrad":
            pytest.skip(str(error))
        raise


_made = functools.cache(registry.make)


def demand_installed(engine: table.Engine) -> None:
    """Skip the test if an engine with a place of its own is not there; fail if LSTM_REQUIRE_ALL is set."""
    if problem := state.missing(engine):
        (pytest.fail if os.environ.get("LSTM_REQUIRE_ALL") else pytest.skip)(problem)


def folder_of_packages(name: str) -> Path:
    """The folder with the packages of an engine for npm. Skips if it is not installed."""
    (engine,) = table.engines_named([name])
    demand_installed(engine)
    return state.home_of(engine, name)


@dataclass(frozen=True)
class Question:
    """A case, the arrays of its seed (read-only, like those of a stored vector), and its right answer."""

    case: Case
    arrays: Arrays

    def __post_init__(self) -> None:
        for array in self.arrays.flat.values():
            array.flags.writeable = False

    @functools.cached_property
    def truth(self) -> Outputs:
        return reference_of(self.case).run(self.arrays.in_dtype(np.float64))

    @functools.cached_property
    def kappa(self) -> Outputs:
        return kappa(self.case, self.arrays)

    def put_to(self, adapter: Adapter) -> Outputs:
        """The adapter's answer."""
        return adapter.run(self.case, self.arrays.weights, self.arrays.inputs)

    def with_inputs_of(self, seed: int) -> Question:
        """The same weights beside the inputs of another seed."""
        other = make_arrays(self.case.model_copy(update={"seed": seed})).flat
        inputs = {name: array for name, array in other.items() if name.startswith("inputs.")}
        return Question(self.case, Arrays.from_tensors(dict(self.arrays.flat) | inputs))

    def verdict(self, adapter: Adapter, outputs: Outputs) -> Passed | Failed:
        """The suite's verdict, with the usual tolerance, under the adapter's contracts and precision."""
        case = self.case
        contracts = Contracts(adapter.padded_y(case), adapter.empty_rows(case))
        precision = adapter.precision(case.dtype)
        kappa = kappa_in(precision, case, self.arrays, self.kappa)
        return judge(case, outputs, self.truth, kappa, precision=precision, contracts=contracts)

    def assert_right(self, adapter: Adapter, outputs: Outputs) -> None:
        """Assert that the outputs are exactly those of the case, and that each is right."""
        assert set(outputs) == set(self.case.outputs)
        verdict = self.verdict(adapter, outputs)
        assert isinstance(verdict, Passed), verdict


_QUESTIONS: dict[str, Question] = {}


def question(fields: Fields) -> Question:
    """The question of a case, shared by all adapters so that its right answer is computed once."""
    case = case_of(fields)
    key = repr(case)  # JSON would not tell NaN from infinity
    if key not in _QUESTIONS:
        _QUESTIONS[key] = Question(case, make_arrays(case))
    return _QUESTIONS[key]


def right_answer(label: str, fields: Fields) -> Outputs:
    """The adapter's answer; asserts that it is right."""
    adapter, asked = adapter_of(label), question(fields)
    outputs = asked.put_to(adapter)
    asked.assert_right(adapter, outputs)
    return outputs
