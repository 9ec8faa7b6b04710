"""TensorFlow 1's LSTMCell in a graph and a session: the TensorFlow interface with the most options.

    the cell       https://www.tensorflow.org/api_docs/python/tf/compat/v1/nn/rnn_cell/LSTMCell
    the sequence   .../tf/compat/v1/nn/dynamic_rnn, and bidirectional_dynamic_rnn beside it
    a stack        .../tf/compat/v1/nn/rnn_cell/MultiRNNCell

- Since TensorFlow 2.16 the cell lives in tf_keras, to which TF_USE_LEGACY_KERAS=1, set before tensorflow is first used,
  leads: https://github.com/tensorflow/tensorflow/releases/tag/v2.16.1.
- `use_peepholes`, `cell_clip` ("the cell state is clipped by this value prior to the cell output activation"),
  `num_proj`, `proj_clip`, `forget_bias` (default 1, always given here). `activation`, any callable, is G and Hh; the
  gates are always sigmoids.
- The state is (c, h). sequence_length is there "to copy-through state and zero-out outputs when past a batch element's
  sequence length": y is 0 there, and a row of length 0 keeps its initial state.
- Forward layers are one MultiRNNCell. Two MultiRNNCells in bidirectional_dynamic_rnn would never meet, so
  bidirectional layers are one call each, on the outputs of the one before, "concatenated as tf.concat(outputs, 2)".
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, get_args

import numpy as np

from conformance.adapters import batch_major
from conformance.adapters.base import Adapter, Model, zeros_if_absent
from conformance.adapters.capabilities import ActivationSupport, Capabilities, any_of
from conformance.adapters.layouts import TF1_CELL, pack
from conformance.adapters.settings import of_tensorflow
from conformance.case.model import Case
from conformance.case.options import Activation, ActivationName
from conformance.case.tensors import Inputs, Outputs, Weights

_CALLABLES = any_of(*get_args(ActivationName))
"""Any callable, so all activations that the suite knows."""


class TF1LSTMCell(Adapter):
    """tf.compat.v1.nn.rnn_cell.LSTMCell in dynamic_rnn or bidirectional_dynamic_rnn."""

    name = "tf1-lstm-cell"
    capabilities = Capabilities(
        dtypes=frozenset({"float16", "bfloat16", "float32", "float64"}),
        directions=frozenset({"forward", "bidirectional"}),
        lengths="each",
        min_length=0,
        lengths_via=frozenset({"argument"}),
        activations=ActivationSupport(cell=_CALLABLES, hidden=_CALLABLES, hidden_is_cell=True, per_direction=True),
        forget_bias=True,
        batch_major=True,
        peephole=frozenset({"new-cell"}),
        cell_clip=True,
        projection=True,
        projection_clip=True,
    )

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        os.environ["TF_USE_LEGACY_KERAS"] = "1"
        import tensorflow as tf
        import tf_keras  # noqa: F401  # a missing package should be named as what it is

        self._tf: Any = tf

    @property
    def versions(self) -> dict[str, str]:
        """TensorFlow, which computes, and tf_keras, which has the cell."""
        return {name: version(name) for name in ("tensorflow", "tf_keras")}

    @property
    def settings(self) -> dict[str, str]:
        """TensorFlow's."""
        return of_tensorflow(self._tf)

    def prepare(self, case: Case, weights: Weights) -> Model:
        """A graph of the case, with its weights in a session."""
        v1 = self._tf.compat.v1
        built = _Graph(self._tf, case, weights)
        # On the CPU, even if there are other devices.
        session = v1.Session(graph=built.graph, config=v1.ConfigProto(device_count={"GPU": 0}))
        with built.graph.as_default():  # outside the graph, load would be eager
            for variable, array in built.variables:
                variable.load(array, session)

        def model(inputs: Inputs) -> Outputs:
            feed = {built.x: batch_major.given(case, inputs.x)}
            if inputs.lengths is not None:
                feed[built.lengths] = inputs.lengths
            if built.states:
                pairs = zip(*zeros_if_absent(case, inputs), strict=True)
                for (c, h), (h0, c0) in zip(built.states, pairs, strict=True):
                    feed |= {c: c0, h: h0}
            return batch_major.canonical(case, map(np.array, session.run(built.outputs, feed)))

        return model


class _Graph:
    """A case as a tf.Graph: `x`, `lengths` and `states` to be fed, `outputs` in the order of `Case.outputs`.

    variables: each of the graph's variables with its value. T and B are left open.
    """

    def __init__(self, tf: Any, case: Case, weights: Weights) -> None:
        self.tf = tf
        self.case = case
        self.cells: list[Any] = []
        self.states: list[Any] = []
        self.lengths: Any = None
        self.graph = tf.Graph()
        with self.graph.as_default():
            self.x = tf.compat.v1.placeholder(case.dtype, (None, None, case.I))
            if case.lengths is not None:
                self.lengths = tf.compat.v1.placeholder("int64", (None,))
            rows = range(case.layers * case.D)
            self.cells = [self._cell(row) for row in rows]
            # A stream's first block may come without a state, later ones never do.
            if case.h0 is not None or case.c0 is not None or case.blocks is not None:
                self.states = [self._state() for _ in rows]
            y, finals = self._bidirectional() if case.D == 2 else self._forward()
            h_n, c_n = tf.stack([final.h for final in finals]), tf.stack([final.c for final in finals])
            self.outputs = [y, h_n, c_n, *self._logits(y, weights)]
        self.variables = [pair for row in rows for pair in self._values(row, weights)]

    def _cell(self, row: int) -> Any:
        case = self.case
        activation = case.activations_of(row % case.D).cell
        return self.tf.compat.v1.nn.rnn_cell.LSTMCell(
            case.H,
            use_peepholes=case.peephole,
            cell_clip=case.cell_clip,
            num_proj=case.P,
            proj_clip=case.projection_clip,
            forget_bias=case.forget_bias,
            activation=None if activation.name == "tanh" else _function(self.tf, activation),
            name=f"row_{row}",
            dtype=case.dtype,
        )

    def _state(self) -> Any:
        v1, case = self.tf.compat.v1, self.case
        c, h = (v1.placeholder(case.dtype, (None, size)) for size in (case.H, case.output_size))
        return v1.nn.rnn_cell.LSTMStateTuple(c, h)

    @property
    def _arguments(self) -> dict[str, Any]:
        time_major = self.case.layout == "time_major"
        return {"sequence_length": self.lengths, "dtype": self.case.dtype, "time_major": time_major}

    def _forward(self) -> tuple[Any, list[Any]]:
        """The y and the final states of one layer, or of a stack as a MultiRNNCell."""
        nn = self.tf.compat.v1.nn
        if self.case.layers == 1:
            y, final = nn.dynamic_rnn(
                self.cells[0], self.x, initial_state=self.states[0] if self.states else None, **self._arguments
            )
            return y, [final]
        stack = nn.rnn_cell.MultiRNNCell(self.cells)
        y, finals = nn.dynamic_rnn(stack, self.x, initial_state=tuple(self.states) or None, **self._arguments)
        return y, list(finals)

    def _bidirectional(self) -> tuple[Any, list[Any]]:
        """The y and the final states of stacked bidirectional layers."""
        y, finals = self.x, []
        for layer in range(self.case.layers):
            row = 2 * layer
            forward, reverse = self.states[row : row + 2] or (None, None)
            both, states = self.tf.compat.v1.nn.bidirectional_dynamic_rnn(
                *self.cells[row : row + 2],
                y,
                initial_state_fw=forward,
                initial_state_bw=reverse,
                scope=f"layer_{layer}",
                **self._arguments,
            )
            y = self.tf.concat(both, 2)
            finals += states
        return y, finals

    def _logits(self, y: Any, weights: Weights) -> list[Any]:
        head = self.case.head
        if head is None:
            return []
        if head.after == "last_step":
            y = y[-1] if self.case.layout == "time_major" else y[:, -1]
        return [self.tf.linalg.matmul(y, weights.W_y, transpose_b=True) + weights.b_y]

    def _values(self, row: int, weights: Weights) -> list[tuple[Any, Any]]:
        cell = self.cells[row]
        named = {variable.name.partition(f"{cell.name}/")[2]: variable for variable in cell.weights}
        packed = {f"{name}:0": array for name, array in pack(TF1_CELL, weights.rows[row]).items()}
        assert named.keys() == packed.keys(), (named.keys(), packed.keys())
        return [(named[name], array) for name, array in packed.items()]


def _function(tf: Any, activation: Activation) -> Callable[[Any], Any]:
    """An activation built from TensorFlow's functions."""
    alpha, beta = activation.alpha, activation.beta
    functions: dict[str, Callable[[Any], Any]] = {
        "sigmoid": tf.sigmoid,
        "tanh": tf.tanh,
        "relu": tf.nn.relu,
        "hard_sigmoid": lambda z: tf.clip_by_value(alpha * z + beta, 0.0, 1.0),
        "affine": lambda z: alpha * z + beta,
        "leaky_relu": lambda z: tf.nn.leaky_relu(z, alpha),
        "thresholded_relu": lambda z: tf.where(z >= alpha, z, tf.zeros_like(z)),
        "scaled_tanh": lambda z: alpha * tf.tanh(beta * z),
        "elu": lambda z: tf.where(z >= 0, z, alpha * tf.nn.elu(z)),
        "softsign": tf.nn.softsign,
        "softplus": tf.nn.softplus,
        "linear": tf.identity,
    }
    return functions[activation.name]
