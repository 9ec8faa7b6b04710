"""Keras 3's LSTM layer on each of its backends: TensorFlow, JAX and PyTorch.

keras_model.py describes how the layers are used. A process has one backend, given by `KERAS_BACKEND` when keras is
imported (https://keras.io/getting_started/#configuring-your-backend).

y at a masked step: without `zero_output_for_mask` "output from previous timestep is returned", and
if there is no previous output, as in a reverse scan of right-padded rows, "a zero filled tensor will be used"
(keras/src/backend/tensorflow/rnn.py). Bidirectional sets it: "the output of the masked timestep will be zero
regardless of the layer's original `zero_output_for_mask` value". The states of a masked step are those before it
("timestep should be ignored"), so a row that is entirely masked keeps its initial states.
"""

from __future__ import annotations

import os
import sys
from abc import abstractmethod
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, ClassVar, get_args

import numpy as np

from conformance.adapters import keras_gradients
from conformance.adapters.base import Adapter, Model, PaddedY
from conformance.adapters.capabilities import ActivationSupport, Capabilities, any_of
from conformance.adapters.keras_model import CaseModel
from conformance.adapters.settings import of_jax, of_keras, of_tensorflow, of_torch
from conformance.case.errors import AdapterUnavailable
from conformance.case.model import Case
from conformance.case.options import ActivationName
from conformance.case.tensors import Array, Inputs, Outputs, Weights

CALLABLES = any_of(*get_args(ActivationName))
"""Keras takes any callable, so all activations that the suite knows."""

ACTIVATIONS = ActivationSupport(
    CALLABLES, CALLABLES, CALLABLES, hidden_is_cell=True, per_direction=True, defaults=frozenset({"keras"})
)
CAPABILITIES = Capabilities(
    dtypes=frozenset({"float16", "bfloat16", "float32", "float64"}),
    directions=frozenset({"forward", "reverse", "bidirectional"}),
    lengths="each",
    min_length=0,
    lengths_via=frozenset({"argument", "upstream"}),
    holes=True,
    activations=ACTIVATIONS,
    batch_major=True,
    softmax=True,
    cross_entropy=True,
    gradients=frozenset({"whole", "truncated"}),
)
"""Keras' only layout is batch major."""


class KerasLSTM(Adapter):
    """keras.layers.LSTM, Bidirectional and Dense in a functional model."""

    backend: ClassVar[str]
    capabilities = CAPABILITIES

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

    @property
    def settings(self) -> dict[str, str]:
        """Those of the backend, which computes, and of Keras."""
        return self.backend_settings | of_keras(self.keras)

    @property
    @abstractmethod
    def backend_settings(self) -> dict[str, str]:
        """Those of the backend."""

    def padded_y(self, case: Case) -> PaddedY:
        """The previous y in the order of the scan; zeros with Bidirectional (see the module's docstring)."""
        return "zeros" if case.direction == "bidirectional" else "last"

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
                return built.outputs(self.call(built.model, built.feed(inputs)))

        return model

    def call(self, model: Any, arrays: Sequence[Array]) -> list[Array]:
        """A keras.Model's outputs, by the call that Keras' documentation recommends "for small numbers of inputs".

        https://keras.io/api/models/model_training_apis/#predict-method
        """
        tensors = [self.keras.ops.convert_to_tensor(array) for array in arrays]
        return [np.asarray(self.keras.ops.convert_to_numpy(result)) for result in model(tensors, training=False)]


class KerasTensorflow(KerasLSTM):
    """Keras on TensorFlow."""

    name = "keras-tensorflow"
    backend = "tensorflow"

    def set_up_backend(self) -> None:
        """Hide GPUs: if it sees one, Keras hands the LSTM to cuDNN."""
        import tensorflow as tf

        try:
            tf.config.set_visible_devices([], "GPU")
        except RuntimeError as error:
            raise AdapterUnavailable(f"{self.name}: this process already uses a GPU: {error}") from error

    @property
    def backend_settings(self) -> dict[str, str]:
        """Those of TensorFlow."""
        import tensorflow as tf

        return of_tensorflow(tf)


class KerasJax(KerasLSTM):
    """Keras on JAX, with float64 switched on.

    Most of its time is spent compiling. With JAX_COMPILATION_CACHE_DIR set to a folder and
    JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS set to 0, JAX keeps what it compiles for the next run.
    """

    name = "keras-jax"
    backend = "jax"

    def set_up_backend(self) -> None:
        """Without x64, JAX computes float64 in float32."""
        import jax

        jax.config.update("jax_platforms", "cpu")
        jax.config.update("jax_enable_x64", True)

    @property
    def backend_settings(self) -> dict[str, str]:
        """Those of JAX."""
        import jax

        return of_jax(jax)

    def call(self, model: Any, arrays: Sequence[Array]) -> list[Array]:
        """Compiled as a whole, as in predict and fit; called eagerly, every operator would be compiled separately."""
        return [np.asarray(result) for result in model.predict_on_batch(list(arrays))]


class KerasTorch(KerasLSTM):
    """Keras on PyTorch."""

    name = "keras-torch"
    backend = "torch"

    def set_up_backend(self) -> None:
        """Nothing to set: the tensors are on the CPU, and that decides."""
        import torch  # noqa: F401  # a missing package should be named as what it is

    @property
    def backend_settings(self) -> dict[str, str]:
        """Those of PyTorch."""
        import torch

        return of_torch(torch, "cpu")
