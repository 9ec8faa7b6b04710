"""OpenVINO in its default precision, which depends on the processor and is read from the compiled model."""

import numpy as np
import pytest

from conformance.case.model import Case
from conformance.case.outcomes import Failed, Passed
from conformance.golden.inputs import make_arrays
from conformance.lstm.kappa import kappa
from conformance.lstm.reference import Reference
from conformance.verdict.compare import judge

pytestmark = pytest.mark.openvino

openvino = pytest.importorskip("openvino")
pytest.importorskip("onnx")

from conformance.adapters.openvino_lstm import OpenVino, OpenVinoDefault  # noqa: E402  # it needs none, its models do

NAMES = {"f32": "float32", "f16": "float16", "bf16": "bfloat16"}


class ToldBfloat16(OpenVino):
    """Set to bfloat16, the default on a processor with instructions for it."""

    name = "openvino-bf16"
    hint = "bf16"


def a_case(**fields: object) -> Case:
    return Case.model_validate({"id": "test/openvino", "T": 6, "B": 3, "I": 5, "H": 16, "seed": 1} | fields)


def outcome_of(adapter: OpenVino, case: Case, precision: str) -> Passed | Failed:
    arrays = make_arrays(case)
    outputs = adapter.run(case, arrays.weights, arrays.inputs)
    golden = Reference(case).run(arrays.in_dtype(np.float64))
    return judge(case, outputs, golden, kappa(case, arrays), precision=precision)


def test_the_default_declares_what_the_plugin_takes_by_itself():
    adapter = OpenVinoDefault()
    chosen = openvino.Core().get_property("CPU", "INFERENCE_PRECISION_HINT").get_type_name()
    case = a_case()
    outcome_of(adapter, case, "float32")
    assert adapter.precision("float32") == NAMES[chosen]
    assert isinstance(outcome_of(adapter, case, adapter.precision("float32")), Passed)


def test_what_the_compiled_model_says_is_what_it_computes_in():
    adapter, case = ToldBfloat16(), a_case()
    if "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        pytest.skip("this processor has no bfloat16: the plugin computes in float32 even where it is told")
    assert isinstance(outcome_of(adapter, case, "float32"), Failed)
    assert adapter.precision("float32") == "bfloat16"
    assert isinstance(outcome_of(adapter, case, "bfloat16"), Passed)


@pytest.mark.parametrize("told", [OpenVino, ToldBfloat16])
def test_half_formats_are_judged_by_the_coarser_of_tensors_and_arithmetic(told):
    adapter = told()
    outcome_of(adapter, a_case(dtype="bfloat16"), "bfloat16")
    computes_in = adapter.precision("float32")
    assert adapter.precision("bfloat16") == "bfloat16"
    assert adapter.precision("float16") == ("bfloat16" if computes_in == "bfloat16" else "float16")


def test_told_float32_it_computes_in_float32():
    adapter = OpenVino()
    assert isinstance(outcome_of(adapter, a_case(), "float32"), Passed)
    assert adapter.precision("float32") == "float32"
