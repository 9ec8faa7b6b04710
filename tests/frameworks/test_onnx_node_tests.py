"""ONNX's node tests are read correctly: the reference passes them, and they catch the mistakes that they should."""

import numpy as np
import pytest

pytest.importorskip("onnx")

from conformance.case.outcomes import Passed
from conformance.golden.onnx_node_tests import caught, load
from conformance.lstm.kappa import kappa
from conformance.lstm.mistakes import BY_ID
from conformance.lstm.reference import Reference
from conformance.verdict.compare import judge

pytestmark = pytest.mark.onnx


def test_the_reference_gives_what_every_test_expects():
    tests = load()
    assert {case.id for case, _, _ in tests} >= {
        f"onnx-node-tests/{name}" for name in ("defaults", "with-initial-bias", "with-peepholes", "batchwise")
    }
    for case, arrays, expected in tests:
        got = Reference(case).run(arrays)
        golden = {name: expected.get(name, array.astype(np.float64)) for name, array in got.items()}
        outcome = judge(case, got, golden, kappa(case, arrays), precision="float32")
        assert isinstance(outcome, Passed), f"{case.id}: {outcome}"
        assert {name: array.shape for name, array in expected.items()}.items() <= case.outputs.items()


def test_they_catch_a_wrong_output_and_not_a_wrong_order_of_equal_gates():
    found = caught()
    assert set(found) == set(BY_ID)
    assert set(found["output-gate-left-out"]) >= {"defaults", "with-peepholes"}
    assert found["gates-iofg-read-as-ifgo"] == []
    assert found["input-bias-ignored"] == ["with-initial-bias"]
    assert found["lengths-ignored"] == []
