"""A harness that asks for ready ONNX models gets the very ones that the adapters get."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.onnx
EXAMPLE = Path(__file__).parents[2] / "examples" / "harnesses" / "python" / "onnxruntime_harness.py"
SIZES: dict[str, Any] = {"id": "frames/onnx", "T": 4, "B": 3, "I": 3, "H": 5, "seed": 3}


@pytest.fixture(scope="module")
def pair() -> tuple[Any, Any]:
    """The adapter, and the harness."""
    pytest.importorskip("onnxruntime")
    from conformance.adapters import registry

    return registry.make("onnxruntime"), registry.make(f"command:{EXAMPLE}")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"direction": "bidirectional", "layers": 2, "lengths": [1, 4, 0], "peephole": True},
        {"h0": None, "c0": None, "blocks": [1, 3]},
        {"calls": [1, 2], "bias": False, "head": {"O": 2}},
        {"dtype": "float16", "activations": {"gate": {"name": "hard_sigmoid", "defaults": "onnx"}}},
    ],
)
def test_they_answer_the_same_bits(pair: tuple[Any, Any], fields: dict[str, Any]) -> None:
    from conformance.case.model import Case
    from conformance.golden.inputs import make_arrays

    case = Case.model_validate(SIZES | fields)
    arrays = make_arrays(case)
    right, found = (adapter.run(case, arrays.weights, arrays.inputs) for adapter in pair)
    assert found.keys() == right.keys()
    for name, array in right.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    assert pair[1].versions == pair[0].versions
