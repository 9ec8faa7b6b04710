"""Weights of layers that only Keras 2 had, compared with tf_keras's own conversion of them."""

from typing import Any

import numpy as np
import pytest

from conformance.adapters.layouts import KERAS, KERAS2_CUDNN, pack, unpack
from conformance.case.model import Case
from conformance.case.tensors import Arrays, Inputs, Weights
from conformance.lstm.gradients import reference_of

pytestmark = pytest.mark.tensorflow

T, B, I, H = 4, 2, 3, 5


@pytest.fixture(scope="module")
def tf_keras() -> Any:
    return pytest.importorskip("tf_keras")


@pytest.fixture(scope="module")
def cudnn_weights() -> dict[str, Any]:
    """What a weights file of Keras 2 holds for a CuDNNLSTM(5) with inputs of size 3."""
    random = np.random.default_rng(3)
    shapes = {"kernel": (I, 4 * H), "recurrent_kernel": (H, 4 * H), "bias": (8 * H,)}
    return {name: random.uniform(-1, 1, shape).astype(np.float32) for name, shape in shapes.items()}


def test_weights_of_cudnnlstm_become_those_of_lstm_as_tf_keras_converts_them(
    tf_keras: Any, cudnn_weights: dict[str, Any]
) -> None:
    from tf_keras.src.saving.legacy.hdf5_format import preprocess_weights_for_loading

    theirs = preprocess_weights_for_loading(tf_keras.layers.LSTM(H), list(cudnn_weights.values()))
    ours = pack(KERAS, unpack(KERAS2_CUDNN, cudnn_weights, I, H))
    for name, array in zip(cudnn_weights, theirs, strict=True):
        assert np.array_equal(ours[name], array), name


def test_lstm_with_weights_of_cudnnlstm_answers_as_the_reference_does(
    tf_keras: Any, cudnn_weights: dict[str, Any]
) -> None:
    from tf_keras.src.saving.legacy.hdf5_format import preprocess_weights_for_loading

    layer = tf_keras.layers.LSTM(H, return_sequences=True)
    layer.build((B, T, I))
    layer.set_weights(preprocess_weights_for_loading(layer, list(cudnn_weights.values())))
    x = np.random.default_rng(4).uniform(-2, 2, (T, B, I)).astype(np.float32)
    case = Case(id="cudnn/lstm", T=T, B=B, I=I, H=H, h0=None, c0=None)
    arrays = Arrays(Weights((unpack(KERAS2_CUDNN, cudnn_weights, I, H),)), Inputs(x))
    y = reference_of(case).run(arrays)["y"]
    np.testing.assert_allclose(np.asarray(layer(x.swapaxes(0, 1))).swapaxes(0, 1), y, atol=2e-6)
