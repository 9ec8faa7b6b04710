"""LSTM layers are found by the names and shapes of each layout, with their options and their weights as they are."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from held_layers import drawn, held, in_layout, same

from conformance.case.errors import ConformanceError
from conformance.case.tensors import Weights
from conformance.weights.finding import Finding, find
from conformance.weights.found import FoundLayer
from conformance.weights.held import Held, Node
from conformance.weights.named import NAMED

ASKED_FOR = ("tf-block", "tf-block-v2", "tf-cell", "keras2")
"""Layouts whose names may be those of anything else, or are another's."""


def the_only(found: Any) -> FoundLayer:
    assert len(found.layers) == 1, found
    layer: FoundLayer = found.layers[0]
    return layer


@pytest.mark.parametrize("several", [(1, 1), (2, 1), (1, 2), (3, 2)], ids=str)
@pytest.mark.parametrize("name", NAMED)
def test_what_is_packed_is_found(name: str, several: tuple[int, int]) -> None:
    layers, D = several
    weights = drawn(rows=layers * D, D=D, one_bias=NAMED[name].one_bias)
    layer = the_only(find(in_layout(name, weights, D), layout=NAMED[name] if name in ASKED_FOR else None))
    assert layer.layout == name and same(layer.weights, weights)
    sizes = {"I": 3, "H": 4, "layers": layers, "direction": "bidirectional" if D == 2 else "forward"}
    assert sizes.items() <= layer.keys.items() and layer.keys["bias"] and layer.dtype == "float32"


@pytest.mark.parametrize("name", [name for name, row in NAMED.items() if not row.always_bias])
def test_layers_without_biases_are_found(name: str) -> None:
    weights = drawn(rows=2, bias=False)
    layer = the_only(find(in_layout(name, weights), layout=NAMED[name] if name in ASKED_FOR else None))
    assert not layer.keys["bias"] and same(layer.weights, weights)


@pytest.mark.parametrize("name", ["torch", "tf-cell", "tflite", "gates"])
@pytest.mark.parametrize("P", [2, 4])
def test_projections_are_found(name: str, P: int) -> None:
    weights = drawn(P=P, rows=2, one_bias=NAMED[name].one_bias)
    layer = the_only(find(in_layout(name, weights), layout=NAMED[name]))
    assert layer.keys["P"] == P and same(layer.weights, weights)


@pytest.mark.parametrize("name", ["onnx", "tf-block", "tf-block-v2", "tf-cell", "tflite", "gates"])
def test_peepholes_are_found(name: str) -> None:
    weights = drawn(peephole=True, one_bias=NAMED[name].one_bias)
    layer = the_only(find(in_layout(name, weights), layout=NAMED[name]))
    assert layer.keys["peephole"] and same(layer.weights, weights)


def test_every_stack_of_torch_is_found_with_its_prefix_and_one_can_be_chosen() -> None:
    tensors = {f"encoder.{n}": a for n, a in in_layout("torch", drawn(rows=4, D=2), 2).tensors.items()}
    tensors |= {f"decoder.rnn.{n}": a for n, a in in_layout("torch", drawn(I=5)).tensors.items()}
    tensors |= {"cell.weight_ih": np.zeros((8, 3)), "cell.weight_hh": np.zeros((8, 2)), "head.weight": np.zeros((3, 3))}
    found = find(held(tensors))
    assert [each.where for each in found.layers] == ["encoder", "decoder.rnn", "cell"] and not found.others
    assert found.layers[2].dtype == "float64" and not found.layers[2].keys["bias"]
    assert the_only(find(held(tensors), prefix="decoder")).keys["I"] == 5


def test_a_whole_name_means_its_layer_and_not_those_numbered_on() -> None:
    tensors = {f"lstm{n}.{name}": a for n in ("", "_1") for name, a in in_layout("torch", drawn()).tensors.items()}
    assert [each.where for each in find(held(tensors), prefix="ls").layers] == ["lstm", "lstm_1"]
    assert the_only(find(held(tensors), prefix="lstm")).where == "lstm"


def test_a_gru_and_a_broken_stack_are_named_and_not_taken_for_an_lstm() -> None:
    gru = {"gru.weight_ih_l0": np.zeros((12, 3)), "gru.weight_hh_l0": np.zeros((12, 4))}
    gap = {f"rnn.{n}".replace("l1", "l2"): a for n, a in in_layout("torch", drawn(rows=2)).tensors.items()}
    found = find(held(gru | gap))
    assert not found.layers
    assert found.others[0].startswith("gru.: its shapes are not those of an LSTM")
    assert found.others[1] == "rnn.: its layers and directions are not numbered from 0 without a gap"


@pytest.mark.parametrize("units", [8, 16])
def test_a_dense_layer_is_no_lstm(units: int) -> None:
    for names in (("dense/kernel", "dense/bias"), ("layers/dense/vars/0", "layers/dense/vars/1")):
        assert find(held(dict(zip(names, (np.zeros((7, units)), np.zeros(units)), strict=True)))) == Finding(())


def test_tensorflows_cell_is_found_where_its_name_says_so_and_its_forget_bias_is_asked_for() -> None:
    kernel = {"rnn/lstm_cell/kernel": np.zeros((7, 16)), "rnn/lstm_cell/bias": np.zeros(16)}
    layer = the_only(find(held(kernel)))
    assert (layer.layout, layer.keys["I"], layer.keys["H"]) == ("tf-cell", 3, 4)
    assert set(layer.asked) == {"forget_bias"}
    assert not the_only(find(held(kernel), options={"forget_bias": 1.0})).asked


@pytest.mark.parametrize("separator", ["/", "."])
def test_the_parameters_of_flax_are_found_in_any_nesting(separator: str) -> None:
    inner = in_layout("flax", drawn(one_bias=True)).tensors
    layer = the_only(find(held({f"params/OptimizedLSTMCell_0/{n}".replace("/", separator): inner[n] for n in inner})))
    assert layer.layout == "flax" and layer.where == "params/OptimizedLSTMCell_0"


def test_the_two_directions_of_keras_2_are_one_layer_although_their_cells_are_numbered_on() -> None:
    forward, backward = (in_layout("keras", Weights((row,))).tensors for row in drawn(rows=2, D=2).rows)
    tensors = {f"both/both/forward_lstm/lstm_cell_1/{n}:0": a for n, a in forward.items()}
    tensors |= {f"both/both/backward_lstm/lstm_cell_2/{n}:0": a for n, a in backward.items()}
    layer = the_only(find(held(tensors, keras="2.3.1")))
    assert layer.layout == "keras2" and layer.keys["direction"] == "bidirectional"


def keras3(config: dict[str, Any], **more: Any) -> Held:
    kernel, recurrent, bias = (in_layout("keras", drawn(one_bias=True)).tensors[n] for n in _KERAS)
    tensors = {"layers/lstm/cell/vars/0": kernel, "layers/lstm/cell/vars/1": recurrent, "layers/lstm/cell/vars/2": bias}
    model = {"class_name": "Sequential", "config": {"layers": [{"class_name": "LSTM", "config": config}]}}
    return held(tensors, config=model, **more)


_KERAS = ("kernel", "recurrent_kernel", "bias")


@pytest.mark.parametrize(
    ("version", "slope", "words"), [("3.15.1", 1 / 6, "1/6"), ("2.15.0", 0.2, "0.2"), ("1.2.2", 0.2, "0.2")]
)
def test_the_slope_of_hard_sigmoid_is_that_of_the_version_and_is_told(version: str, slope: float, words: str) -> None:
    layer = the_only(find(keras3({"name": "enc", "recurrent_activation": "hard_sigmoid"}, keras=version)))
    assert layer.where == "enc" and layer.case(id="a/b", T=1, B=1).activations[0].gate.alpha == slope
    for prefix in ("enc", "layers/lstm"):
        assert the_only(find(keras3({"name": "enc"}), prefix=prefix)).where == "enc"
    assert layer.notes == (f"hard_sigmoid of Keras {version}: its slope is {words}",)


def test_without_a_version_the_slope_of_hard_sigmoid_is_asked_for() -> None:
    held = keras3({"name": "enc", "recurrent_activation": "hard_sigmoid"})
    assert "slope" in the_only(find(held)).asked["activations"]
    given = {"activations": [{"gate": {"name": "hard_sigmoid", "alpha": 0.2, "beta": 0.5}}]}
    assert not the_only(find(held, options=given)).asked


def test_options_of_the_configuration_are_those_of_the_layer() -> None:
    config = {"name": "enc", "activation": {"class_name": "function", "config": "relu"}, "go_backwards": True}
    keys = the_only(find(keras3(config, keras="3.0.0"))).keys
    assert keys["direction"] == "reverse"
    assert keys["activations"] == [{"gate": "sigmoid", "cell": "relu", "hidden": "relu"}]


def test_an_activation_of_the_users_own_is_asked_for() -> None:
    layer = the_only(find(keras3({"name": "enc", "activation": "mish"}, keras="3.0.0")))
    assert layer.asked == {"activations": "the suite has no activation 'mish'"}


def test_what_nothing_is_known_of_is_assumed_in_words() -> None:
    layer = the_only(find(in_layout("keras", drawn(one_bias=True))))
    assert layer.notes == ("the file says nothing of its options: those of the plain LSTM are assumed",)
    assert layer.summary() == "I=3 H=4 forward f32"


def test_options_that_convert_wrote_are_used_and_others_of_the_file_are_not() -> None:
    one = in_layout("keras", drawn(one_bias=True))
    layer = the_only(find(replace(one, options={"direction": "reverse", "T": 10**9, "id": "x"})))
    assert layer.keys["direction"] == "reverse" and "T" not in layer.keys


def test_options_that_do_not_fit_are_refused_in_one_line() -> None:
    with pytest.raises(ConformanceError, match=r"^w: the layer: .*cell_clip") as raised:
        find(replace(in_layout("keras", drawn()), options={"cell_clip": -1.0}))
    assert "\n" not in str(raised.value)


def test_tensors_of_two_dtypes_are_no_layer() -> None:
    tensors = dict(in_layout("keras", drawn()).tensors)
    tensors["bias"] = tensors["bias"].astype(np.float64)
    assert find(held(tensors)).others == ("kernel: its tensors are not of one dtype",)


def test_operators_that_share_a_large_tensor_are_bounded_together() -> None:
    shared = {"W": np.broadcast_to(np.float32(0), (1, 2**20, 2**6)), "R": np.zeros((1, 4, 1), np.float32)}
    node = Node("lstm", "UNIDIRECTIONAL_SEQUENCE_LSTM", shared, {})
    with pytest.raises(ConformanceError, match="take more than 1024 MiB"):
        find(replace(held({}), nodes=(node,) * 5))
