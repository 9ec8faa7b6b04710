"""Files of Keras 3 and of Keras 2: found with their options, and written so that Keras itself loads them."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conformance.adapters.layouts import KERAS, KERAS2_CUDNN, pack, unpack
from conformance.case.tensors import Weights
from conformance.convert.moving import Request, carried_out
from conformance.convert.tensors import packed
from conformance.weights.finding import find
from conformance.weights.named import NAMED
from conformance.weights.reading import read

NAMES = ("kernel", "recurrent_kernel", "bias")


def demand_same(weights: Weights, layer: Any) -> None:
    """The weights that were found are those of a layer of Keras."""
    found = [pack(KERAS, row)[name] for row in weights.rows for name in NAMES]
    theirs = layer.get_weights()
    assert len(found) == len(theirs) and all(np.array_equal(a, b) for a, b in zip(found, theirs, strict=True))


def model_of(keras: Any, *layers: Any) -> Any:
    return keras.Sequential([keras.Input((None, 3)), *layers])


@pytest.fixture
def keras(monkeypatch: pytest.MonkeyPatch) -> Any:
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    return pytest.importorskip("keras")


def a_model(keras: Any) -> Any:
    layers = keras.layers
    return model_of(
        keras,
        layers.LSTM(5, return_sequences=True, recurrent_activation="hard_sigmoid", name="enc"),
        layers.Bidirectional(layers.LSTM(4, return_sequences=True), name="both"),
        layers.LSTM(2, go_backwards=True, activation="relu", name="last"),
    )


@pytest.mark.keras
@pytest.mark.filterwarnings("ignore:.*HDF5 file:UserWarning", "ignore:__array__ impl:DeprecationWarning")
@pytest.mark.parametrize("file", ["m.keras", "m.h5", "m.weights.h5"])
def test_the_layers_of_a_model_of_keras_3_are_found(keras: Any, file: str, tmp_path: Path) -> None:
    model = a_model(keras)
    (model.save_weights if "weights" in file else model.save)(tmp_path / file)
    found = {each.where: each for each in find(read(tmp_path / file)).layers}
    assert found.keys() == {"enc", "both", "last"}
    for name, layer in found.items():
        demand_same(layer.weights, model.get_layer(name))
    if "weights" not in file:
        enc, last = (found[name].case(id="a/b", T=1, B=1) for name in ("enc", "last"))
        assert enc.activations[0].gate.alpha == 1 / 6 and enc.direction == "forward"
        assert last.activations[0].cell.name == "relu" and last.direction == "reverse"
    assert found["both"].keys["direction"] == "bidirectional"


@pytest.mark.keras
@pytest.mark.filterwarnings("ignore:__array__ impl:DeprecationWarning")
def test_keras_loads_what_is_written_for_it(keras: Any, tmp_path: Path) -> None:
    from held_layers import drawn

    weights = drawn(rows=4, D=2)
    np.savez(tmp_path / "a.npz", **packed(NAMED["torch"], weights, 2))
    carried_out(Request(tmp_path / "a.npz", tmp_path / "b.weights.h5", write_as="keras"))
    layers = keras.layers
    both = [layers.Bidirectional(layers.LSTM(4, return_sequences=True)) for _ in range(2)]
    model_of(keras, *both).load_weights(tmp_path / "b.weights.h5")
    for number, layer in enumerate(both):
        demand_same(Weights(weights.rows[2 * number : 2 * number + 2]), layer)


@pytest.fixture
def tf_keras() -> Any:
    return pytest.importorskip("tf_keras")


@pytest.mark.tensorflow
@pytest.mark.filterwarnings("ignore:.*HDF5 file:UserWarning", "ignore:__array__ impl:DeprecationWarning")
def test_the_layers_of_a_model_of_keras_2_are_found(tf_keras: Any, tmp_path: Path) -> None:
    model = a_model(tf_keras)
    model.save(tmp_path / "m.h5")
    found = {each.where: each for each in find(read(tmp_path / "m.h5")).layers}
    assert found.keys() == {"enc", "both", "last"} and {each.layout for each in found.values()} == {"keras2"}
    for name, layer in found.items():
        demand_same(layer.weights, model.get_layer(name))
    assert found["enc"].case(id="a/b", T=1, B=1).activations[0].gate.alpha == 0.2
    assert found["last"].keys["direction"] == "reverse"


@pytest.mark.tensorflow
@pytest.mark.parametrize("D", [1, 2])
@pytest.mark.parametrize("to", ["keras2", "keras2-cudnn"])
def test_keras_2_loads_what_is_written_for_it_and_converts_cudnns_weights(
    tf_keras: Any, to: str, D: int, tmp_path: Path
) -> None:
    from held_layers import drawn

    weights = drawn(rows=2 * D, D=D)
    np.savez(tmp_path / "a.npz", **packed(NAMED["torch"], weights, D))
    carried_out(Request(tmp_path / "a.npz", tmp_path / "b.h5", write_as=to))
    layers = [tf_keras.layers.LSTM(4, return_sequences=True) for _ in range(2)]
    layers = [tf_keras.layers.Bidirectional(each) for each in layers] if D == 2 else layers
    model_of(tf_keras, *layers).load_weights(tmp_path / "b.h5")
    for number, layer in enumerate(layers):
        demand_same(Weights(weights.rows[D * number : D * number + D]), layer)


@pytest.mark.tensorflow
def test_cudnns_weights_become_those_that_tf_keras_makes_of_them(tf_keras: Any, tmp_path: Path) -> None:
    import h5py
    from tf_keras.src.saving.legacy.hdf5_format import preprocess_weights_for_loading

    random = np.random.default_rng(3)
    shapes = {"kernel": (3, 20), "recurrent_kernel": (5, 20), "bias": (40,)}
    theirs = {name: random.uniform(-1, 1, shape).astype(np.float32) for name, shape in shapes.items()}
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, array in theirs.items():
            file[f"cu_dnnlstm_1/cu_dnnlstm_1/{name}:0"] = array
    move = carried_out(Request(tmp_path / "a.h5", tmp_path / "b.weights.h5", write_as="keras"))
    assert move.source.name == "keras2-cudnn"
    (layer,) = find(read(tmp_path / "b.weights.h5")).layers
    wanted = preprocess_weights_for_loading(tf_keras.layers.LSTM(5), list(theirs.values()))
    for name, array in zip(NAMES, wanted, strict=True):
        assert np.array_equal(pack(KERAS, layer.weights.rows[0])[name], array), name
    assert np.array_equal(unpack(KERAS2_CUDNN, theirs, 3, 5).W, layer.weights.rows[0].W)
