"""Keras 3's LSTM layer on each of its backends that computes: TensorFlow, JAX and PyTorch.

keras_model.py says how the layers are used. A process has one backend: `KERAS_BACKEND`, read when keras is
imported (https://keras.io/getting_started/#configuring-your-backend).

What y holds in the padding: without `zero_output_for_mask` "output from previous timestep is returned", and
where no output came before, as in a reverse scan of right-padded rows, "a zero filled tensor will be used"
(keras/src/backend/tensorflow/rnn.py). Bidirectional sets it: "the output of the masked timestep will be zero
regardless of the layer's original `zero_output_for_mask` value".
"""

from __future__ import annotations

import os
import sys
from abc import abstractmethod
from importlib.metadata import version
from typing import Any, ClassVar, get_args

import numpy as np

from conformance.adapters import keras_gradients
from conformance.adapters.base import Adapter, Model, PaddedY
from conformance.adapters.capabilities import ActivationSupport, Capabilities, any_of
from conformance.adapters.keras_model import CaseModel
from conformance.case.errors import AdapterUnavailable
from conformance.case.model import Case
from conformance.case.options import ActivationName
from conformance.case.tensors import Inputs, Outputs, Weights

CALLABLES = any_of(*get_args(ActivationName))
"""Keras takes any callable: all the activations the suite knows."""

ACTIVATIONS = ActivationSupport(CALLABLES, CALLABLES, CALLABLES, hidden_is_cell=True, per_direction=True)
DIRECTIONS = frozenset({"forward", "reverse", "bidirectional"})


class KerasLSTM(Adapter):
    """keras.layers.LSTM, Bidirectional and Dense in a functional model, called eagerly."""

    backend: ClassVar[str]
    capabilities = Capabilities(
        dtypes=frozenset({"float16", "bfloat16", "float32", "float64"}),
        directions=DIRECTIONS,
        lengths="each",
        min_length=0,
        activations=ACTIVATIONS,
        softmax=True,
        cross_entropy=True,
        gradients=frozenset({"whole", "truncated"}),
    )

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        if "keras" in sys.modules:
            chosen = sys.modules["keras"].backend.backend()
            if chosen != self.backend:
                raise AdapterUnavailable(
                    f"{self.name} needs Keras on {self.backend}, but this process has it on {chosen}; "
                    "a process has one backend"
                )
        os.environ["KERAS_BACKEND"] = self.backend
        self.set_up_backend()
        import keras

        self.keras: Any = keras

    @abstractmethod
    def set_up_backend(self) -> None:
        """Import the backend and keep it on the CPU, before keras is imported."""

    @property
    def versions(self) -> dict[str, str]:
        """Keras and the backend."""
        return {name: version(name) for name in ("keras", self.backend)}

    def padded_y(self, case: Case) -> PaddedY:
        """The last y repeated; zeros behind Bidirectional and in a reverse scan (see the module's text)."""
        return "last" if case.direction == "forward" else "zeros"

    def prepare(self, case: Case, weights: Weights) -> Model:
        """A functional model of the case."""
        keras = self.keras
        # Not "cpu:0": on PyTorch, Keras cannot build a layer on a device with an index.
        with keras.device("cpu"):
            built = CaseModel(keras, case, weights)

        def model(inputs: Inputs) -> Outputs:
            if case.has_loss:
                with keras.device("cpu"):
                    return keras_gradients.outputs_of(built, inputs)
            with keras.device("cpu"):
                tensors = [keras.ops.convert_to_tensor(array) for array in built.feed(inputs)]
                results = built.model(tensors, training=False)
            return built.outputs([np.asarray(keras.ops.convert_to_numpy(tensor)) for tensor in results])

        return model


class KerasTensorflow(KerasLSTM):
    """Keras on TensorFlow."""

    name = "keras-tensorflow"
    backend = "tensorflow"

    def set_up_backend(self) -> None:
        """Hide GPUs: with one in sight, Keras hands the LSTM to cuDNN."""
        import tensorflow as tf

        try:
            tf.config.set_visible_devices([], "GPU")
        except RuntimeError as error:
            raise AdapterUnavailable(f"{self.name}: this process already uses a GPU: {error}") from error


class KerasJax(KerasLSTM):
    """Keras on JAX, with float64 switched on."""

    name = "keras-jax"
    backend = "jax"

    def set_up_backend(self) -> None:
        """Without x64 JAX computes float64 in float32."""
        import jax

        jax.config.update("jax_platforms", "cpu")
        jax.config.update("jax_enable_x64", True)


class KerasTorch(KerasLSTM):
    """Keras on PyTorch."""

    name = "keras-torch"
    backend = "torch"

    def set_up_backend(self) -> None:
        """Nothing to set: the tensors' device, the CPU, decides."""
        import torch  # noqa: F401  # a missing package should be named as what it is
