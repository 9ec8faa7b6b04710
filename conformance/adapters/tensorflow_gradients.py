"""TensorFlow's loss and gradients: GradientTape over the block LSTM ops of conformance.adapters.tensorflow_block.

The gradients of BlockLSTM and BlockLSTMV2 are ops of their own, BlockLSTMGrad and BlockLSTMGradV2, which TensorFlow
registers for them; LSTMBlockCell has none registered. https://www.tensorflow.org/api_docs/python/tf/GradientTape and
.../raw_ops/BlockLSTMGrad. Truncated is tf.stop_gradient on the state between two blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from conformance.adapters.base import zeros_if_absent
from conformance.adapters.gradients import of_weights
from conformance.adapters.layouts import Layout
from conformance.case.model import Case
from conformance.case.tensors import COTANGENTS, Inputs, Outputs

LayerCall = Callable[[Mapping[str, Any], Any, Any, Any, int], tuple[Any, Any]]
"""One layer: maps its tensors, h, c, x (T', B, I) and the length to y and the cell states of every step."""


def outputs_of(
    tf: Any,
    case: Case,
    inputs: Inputs,
    layout: Layout,
    rows: Sequence[Mapping[str, Any]],
    head: tuple[Any, Any] | None,
    layer: LayerCall,
) -> Outputs:
    """Every tensor of `case.outputs`, for a case that has a loss. rows: each layer's tensors, named by the layout."""
    x = tf.constant(inputs.x)
    states = [tf.constant(state) for state in zeros_if_absent(case, inputs)]
    with tf.GradientTape() as tape:
        sources = [x, *states, *(head or ()), *(tensor for row in rows for tensor in row.values())]
        tape.watch(sources)
        found = _forward(tf, case, x, states, rows, layer)
        if head is not None and case.head is not None:
            read = found["y"] if case.head.after == "every_step" else found["y"][-1]
            found["logits"] = tf.linalg.matmul(read, head[0], transpose_b=True) + head[1]
            found["probabilities"] = tf.nn.softmax(found["logits"])
        if inputs.targets is not None:
            counted = inputs.targets >= 0
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(inputs.targets[counted], found["logits"][counted])
            found["loss"] = tf.reduce_mean(losses)
    if case.gradients is not None:
        ends = {name.removeprefix("d"): getattr(inputs, name) for name in COTANGENTS}
        ends = {"loss": np.ones((), case.np_dtype)} if case.cross_entropy else ends
        given = {name: tf.constant(end) for name, end in ends.items() if end is not None}
        gradients = tape.gradient(
            [found[name] for name in given],
            sources,
            output_gradients=list(given.values()),
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        found |= dict(zip(("d_x", "d_h0", "d_c0", *(("d_W_y", "d_b_y") if head else ())), gradients, strict=False))
    outputs = {name: np.array(tensor.numpy()) for name, tensor in found.items()}
    if case.gradients is not None:
        of_rows = iter(gradients[len(sources) - sum(map(len, rows)) :])
        outputs |= of_weights(case, layout, [{name: next(of_rows).numpy() for name in row} for row in rows])
    return {name: outputs[name] for name in case.outputs}


def _forward(
    tf: Any, case: Case, x: Any, states: Sequence[Any], rows: Sequence[Mapping[str, Any]], layer: LayerCall
) -> dict[str, Any]:
    """y, h_n and c_n; in a stream the state is carried from block to block."""
    h, c = (tf.unstack(state) for state in states)
    ys: list[Any] = []
    for steps, lengths in zip(case.block_steps, case.block_lengths, strict=True):
        if ys and case.gradients == "truncated":
            h, c = ([tf.stop_gradient(carried) for carried in state] for state in (h, c))
        y, length = x[steps], lengths[0]  # one for the whole batch
        for row, tensors in enumerate(rows):
            y, cs = layer(tensors, h[row], c[row], y, length)
            if length:  # otherwise the rows have ended before this block
                h[row], c[row] = y[length - 1], cs[length - 1]
        ys.append(y)
    return {"y": tf.concat(ys, 0), "h_n": tf.stack(h), "c_n": tf.stack(c)}
