"""What is particular to Keras: where its mask comes from, one backend per process, what an export leaves behind.

Only the backend that KERAS_BACKEND names is tested, TensorFlow if it is not set.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from agreement import BACKEND, KERAS_ON, adapter_of, marks_of, question, row

from conformance.adapters import registry
from conformance.case.errors import AdapterUnavailable
from conformance.case.tensors import Arrays, Inputs
from conformance.lstm.reference import Reference

LAYERS = {f"keras-{backend}": backend for backend in ("tensorflow", "jax", "torch")}


@pytest.mark.parametrize(
    ("adapter", "way"), [row(name, way, words=way) for name in LAYERS for way in ("argument", "upstream")]
)
def test_the_mask_comes_from_where_the_case_says(adapter: str, way: str) -> None:
    """If the padding does not hold the mask value, a Masking layer masks nothing; a mask argument is not affected."""
    made = adapter_of(adapter)
    asked = question({"lengths": (3, 5, 2), "h0": None, "c0": None, "lengths_via": way})
    inputs = asked.arrays.inputs
    model = made.prepare(asked.case, asked.arrays.weights)
    x = np.where(inputs.x == asked.case.padding, np.float32(0.5), inputs.x)
    marked, unmarked = (model(replace(inputs, x=each))["h_n"] for each in (inputs.x, x))
    if way == "argument":
        np.testing.assert_array_equal(marked, unmarked)
    else:
        without = question({"h0": None, "c0": None}).case
        whole = Reference(without).run(Arrays(asked.arrays.weights, Inputs(x)))["h_n"]
        np.testing.assert_allclose(unmarked, whole, atol=1e-6)
        assert np.abs(marked - unmarked).max() > 1e-3


@pytest.mark.parametrize("adapter", [row(name) for name in LAYERS])
def test_another_backend_needs_a_process_of_its_own(adapter: str) -> None:
    adapter_of(f"keras-{BACKEND}")
    if KERAS_ON[adapter] == BACKEND:
        pytest.skip(f"this process has Keras on {BACKEND}")
    with pytest.raises(AdapterUnavailable, match=f"but this process has it on {BACKEND}"):
        registry.make(adapter)


@pytest.mark.parametrize("adapter", [pytest.param("keras-onnxruntime", marks=marks_of("keras-onnxruntime"))])
def test_an_export_leaves_no_file_behind(adapter: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, asked = adapter_of(adapter), question({"T": 2})
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    made.prepare(asked.case, asked.arrays.weights)
    assert list(tmp_path.iterdir()) == []
