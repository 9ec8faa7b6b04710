"""Golden values of the historic cases against the digits their sources printed."""

import numpy as np
import pytest

from conformance.case.load import load_specs
from conformance.data import default_folders
from conformance.golden.store import VectorStore
from conformance.verdict.noise import noise

FOLDERS = default_folders()
CASES = {case.id: case for case in load_specs(FOLDERS.specs)}


def load(case_id):
    return VectorStore(FOLDERS.vectors).load(CASES[case_id])


def golden(case_id):
    return load(case_id).golden


def agrees_to_the_last_digit(value, printed):
    """The value rounded to as many decimals as were printed is what was printed."""
    decimals = len(printed.partition(".")[2])
    return f"{value:.{decimals}f}" == printed


def assert_printed(values, printed):
    for value, text in zip(np.ravel(values), printed.split(), strict=True):
        assert agrees_to_the_last_digit(value, text), f"{value!r} was printed as {text}"


def assert_float32(vector, name, row, printed):
    """The source computed in float32: its numbers are honest float32 roundings of the golden ones."""
    got = np.array(printed.split(), np.float64)
    found = noise(got, vector.golden[name][row, 0], vector.kappa[name][row, 0], "float32")
    assert found.max() <= 8, found


def test_tf_constant_half_in_tensorflow_float32():
    vector = load("tf-constant-half/step-f32")
    assert_float32(vector, "h_n", 0, "0.64121795 0.68166804")
    assert_float32(vector, "c_n", 0, "0.88477188 0.98103917")


def test_tf_constant_half_by_hand_in_numpy():
    # The article starts from h0 = 0.2, 0.3 and c0 = 0, 0.1 in float32, and prints float32 results.
    vector = load("tf-constant-half/step-f64")
    assert_float32(vector, "h_n", 0, "0.64121796 0.68166811")
    assert_float32(vector, "c_n", 0, "0.88477185 0.98103916")


def test_tf_two_layers_in_tensorflow_float32():
    vector = load("tf-two-layers/step-f32")
    assert_float32(vector, "c_n", 0, "0.68967271 0.68967271")
    assert_float32(vector, "h_n", 0, "0.44848421 0.44848421")
    assert_float32(vector, "c_n", 1, "0.39897051 0.39897051")
    assert_float32(vector, "h_n", 1, "0.24024698 0.24024698")


def test_tf_two_layers_in_float64():
    values = golden("tf-two-layers/step-f64")
    assert_printed(values["c_n"][:, 0, 0], "0.68967280 0.39897059")
    assert_printed(values["h_n"][:, 0, 0], "0.44848430 0.24024707")


@pytest.mark.parametrize("name", ["step", "two-layers"])
@pytest.mark.parametrize("dtype", ["f32", "f64"])
def test_tf_layer_norm(name, dtype):
    values = golden(f"tf-layer-norm/{name}-{dtype}")
    for layer in range(2 if name == "two-layers" else 1):
        np.testing.assert_allclose(values["c_n"][layer, 0], [-1, 1], rtol=1e-5)  # as TensorFlow's test compares it
        assert_printed(values["h_n"][layer, 0], "-0.38079708 0.38079708")


def test_torch_two_hundred():
    values = golden("torch-two-hundred/sequence-f64")
    assert_printed(values["h_n"], "0.9618 0.9623 0.9626 0.9629 0.9631")
    assert_printed(values["c_n"], "1.9700 1.9760 1.9807 1.9843 1.9872")


def test_deep_breathe():
    values = golden("deep-breathe/zero-state-f64")
    assert_printed(values["h_n"], " ".join(["0.16714133"] * 5))
    assert_printed(values["c_n"], " ".join(["0.30548735"] * 5))
    assert_printed(
        values["logits"],
        "0.55577567 0.06367851 -1.77784958 -1.44506698 -0.15799961 "
        "0.21764294 -1.09893017 -0.92366193 0.99486648 -1.65738902",
    )


def test_deep_breathe_loss_of_the_first_training_step():
    values = golden("deep-breathe/training-f64")
    assert_printed(values["loss"], "1.63431868")
    # What the loss gives the biases of the head is the softmax, less 1 at the target.
    np.testing.assert_allclose(values["d_b_y"], values["probabilities"][0] - np.eye(10)[0], rtol=1e-15, atol=0)


def test_keras_stack_has_the_parameters_the_article_counts():
    case = CASES["keras-hard-sigmoid-stack/keras-2018-f32"]
    sizes = {name: int(np.prod(shape)) for name, shape in case.weight_shapes.items()}
    # Keras has one bias where the canonical form has two; the second is zero here.
    per_layer = [sum(sizes[f"{name}.{layer}"] for name in ("W", "R", "b_w")) for layer in range(3)]
    assert per_layer == [480, 840, 840]
    assert sizes["W_y"] + sizes["b_y"] == 11


def test_a_stream_has_the_golden_values_of_the_whole_sequence():
    whole, events = golden("reference-card/whole"), golden("reference-card/event-by-event")
    assert set(whole) == {"y", "h_n", "c_n", "logits"}
    for name, values in whole.items():
        assert values.tobytes() == events[name].tobytes()


HISTORIC = [
    "tf-constant-half",
    "tf-two-layers",
    "torch-two-hundred",
    "reference-card",
    "keras-hard-sigmoid-stack",
    "lecture-batched",
    "deep-breathe",
    "onnx-exports",
    "tf-layer-norm",
]


@pytest.mark.parametrize("family", HISTORIC)
def test_historic_families_name_their_source(family):
    cases = [case for case in CASES.values() if case.family == family]
    assert cases
    assert all(case.source for case in cases)
