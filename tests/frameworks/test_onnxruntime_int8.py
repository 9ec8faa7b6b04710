"""onnxruntime's quantised LSTM computes as a mistake of the catalogue does; which one, the processor decides."""

import numpy as np
import pytest
from agreement import case_of, marks_of, question

from conformance.adapters import registry
from conformance.lstm.mistakes import BY_ID

pytestmark = marks_of("onnxruntime-int8")

ROWS = [
    {"T": 1},
    {"T": 20, "B": 7, "I": 3, "H": 17},
    {"layers": 3},
    {"bias": False, "direction": "reverse"},
    {"peephole": True, "direction": "bidirectional", "H": 5},
    {"gate_clip": {"bound": 0.5, "reading": "gates"}},
]
MISTAKES = {
    ("onnxruntime-int8", "exact"): "quantised-dynamically",
    ("onnxruntime-int8", "saturated"): "products-saturate-at-16-bits",
    ("onnxruntime-int8-by-row", "saturated"): "products-saturate-at-16-bits-by-row",
}


@pytest.fixture(params=["onnxruntime-int8", "onnxruntime-int8-by-row"])
def adapter(request, monkeypatch):
    """In one thread: several share the rows of a batch, and each finds a scale of its own for them."""
    pytest.importorskip("onnxruntime")
    made = registry.make(request.param)
    options = made._engine._session_options

    def in_one_thread():
        found = options()
        found.intra_op_num_threads = 1
        return found

    monkeypatch.setattr(made._engine, "_session_options", in_one_thread)
    return made


@pytest.mark.parametrize("fields", ROWS, ids=lambda fields: case_of(fields).summary())
def test_its_answer_is_that_of_the_integers_it_says_it_computes_with(adapter, fields):
    asked = question(fields)
    answer = asked.put_to(adapter)
    wrong = {key: BY_ID[mistake].outputs(asked.case, asked.arrays) for key, mistake in MISTAKES.items()}
    same = [key for key, outputs in wrong.items() if all(np.allclose(answer[k], outputs[k], atol=1e-5) for k in answer)]
    expected = (adapter.name, adapter.products)
    assert same == [expected] if expected in MISTAKES else not same
