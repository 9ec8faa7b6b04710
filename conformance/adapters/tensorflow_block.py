"""TensorFlow's block LSTM ops, called eagerly as tf.raw_ops: BlockLSTM, BlockLSTMV2 and LSTMBlockCell.

What the ops accept and promise, according to their documentation:
https://www.tensorflow.org/api_docs/python/tf/raw_ops/BlockLSTM (and .../BlockLSTMV2, .../LSTMBlockCell).

- One `seq_len_max` for the whole batch: "Outputs are padded with zeros beyond this length".
- The ops return the cs and h of every step but no final state, so the final state is that of step seq_len_max - 1, or
  the initial state if there is no step.
- V1 and the cell add `forget_bias` (default 1) and bound the cell state by `cell_clip` (default 3); V2 only the latter
  (default 0). Both are always given here. A cell_clip of 0 or less is off.
- Peepholes `wci`, `wcf`, `wco` (H) with `use_peephole`; that of the output gate uses the bounded cs.
- T: half or float32. Forward only; a stack is one op after the other.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from conformance.adapters import tensorflow_gradients
from conformance.adapters.base import Adapter, Model, zeros_if_absent
from conformance.adapters.capabilities import Capabilities
from conformance.adapters.layouts import TF_BLOCK, TF_BLOCK_V2, Layout, pack
from conformance.adapters.settings import of_tensorflow
from conformance.case.errors import AdapterUnavailable, UnsupportedOption
from conformance.case.model import Case
from conformance.case.tensors import Array, Inputs, Outputs, Weights

Pair = tuple[Any, Any]
"""h and c, eager tensors."""

_DTYPES = frozenset({"float16", "float32"})
_NO_CLIP = -1.0
_PEEPHOLE = frozenset({"new-cell"})
_LOSS: dict[str, Any] = {"softmax": True, "cross_entropy": True, "gradients": frozenset({"whole", "truncated"})}


class _BlockOp(Adapter):
    """The common part of the three ops: weights as tensors on the device, a stack of op calls, the head."""

    devices = frozenset({"cpu", "gpu"})
    layout: ClassVar[Layout] = TF_BLOCK

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        import tensorflow as tf

        self.tf: Any = tf
        if device == "gpu":
            if not tf.config.get_visible_devices("GPU"):
                raise AdapterUnavailable(f"{self.name}@gpu: TensorFlow {tf.__version__} finds no GPU here")
            # An op without a GPU kernel must fail rather than move to the CPU unnoticed; float32 stays float32.
            tf.config.set_soft_device_placement(False)
            tf.config.experimental.enable_tensor_float_32_execution(False)

    @property
    def versions(self) -> dict[str, str]:
        """TensorFlow's version."""
        return {"tensorflow": self.tf.__version__}

    @property
    def settings(self) -> dict[str, str]:
        """TensorFlow's."""
        return of_tensorflow(self.tf)

    @abstractmethod
    def layer(self, case: Case, weights: dict[str, Any], state: Pair, x: Any, steps: int) -> Pair:
        """The op's own h and cs, each (T', B, H), from the state (h, c) before the first step."""

    def prepare(self, case: Case, weights: Weights) -> Model:
        """One op call per layer, and the head as a matrix product."""
        tf = self.tf
        with tf.device(f"/{self.device}:0"):
            # The ops need the three peepholes even with use_peephole=False.
            unused = dict.fromkeys(("wci", "wcf", "wco"), tf.zeros(case.H, case.dtype))
            options = {"use_peephole": case.peephole, "cell_clip": case.cell_clip or _NO_CLIP}
            packed = (pack(self.layout, row) for row in weights.rows)
            rows = [unused | {name: tf.constant(a) for name, a in row.items()} | options for row in packed]
            head = None if case.head is None else (tf.constant(weights.W_y), tf.constant(weights.b_y))

        def model(inputs: Inputs) -> Outputs:
            if case.has_loss:
                return self._with_loss(case, inputs, rows, head)
            # In an empty batch no row has a length.
            steps = inputs.x.shape[0] if inputs.lengths is None or not inputs.lengths.size else int(inputs.lengths[0])
            finals: dict[str, list[Any]] = {"h_n": [], "c_n": []}
            with tf.device(f"/{self.device}:0"):
                y = tf.constant(inputs.x)
                for row, *initial in zip(rows, *zeros_if_absent(case, inputs), strict=True):
                    h0, c0 = map(tf.constant, initial)
                    y, cs = self.layer(case, row, (h0, c0), y, steps)
                    finals["h_n"].append(y[steps - 1] if steps else h0)
                    finals["c_n"].append(cs[steps - 1] if steps else c0)
                outputs = {"y": y} | {name: tf.stack(states) for name, states in finals.items()}
                if case.head is not None and head is not None:
                    top = y if case.head.after == "every_step" else y[-1]
                    outputs["logits"] = tf.linalg.matmul(top, head[0], transpose_b=True) + head[1]
                    if case.head.softmax:
                        outputs["probabilities"] = tf.nn.softmax(outputs["logits"])
            return {name: _own(tensor) for name, tensor in outputs.items()}

        return model

    def _with_loss(self, case: Case, inputs: Inputs, rows: Sequence[dict[str, Any]], head: Pair | None) -> Outputs:
        """The outputs of a case that has a loss."""
        tensors = [{name: t for name, t in row.items() if self.tf.is_tensor(t)} for row in rows]

        def layer(own: Mapping[str, Any], h: Any, c: Any, x: Any, length: int) -> Pair:
            options = {name: option for name, option in rows[0].items() if name not in own}
            return self.layer(case, {**own, **options}, (h, c), x, length)

        with self.tf.device(f"/{self.device}:0"):
            return tensorflow_gradients.outputs_of(self.tf, case, inputs, self.layout, tensors, head, layer)


class BlockLSTM(_BlockOp):
    """tf.raw_ops.BlockLSTM: gates i, c, f, o; a forget bias at run time."""

    name = "tf-block-lstm"
    capabilities = Capabilities(
        dtypes=_DTYPES,
        lengths="common",
        min_length=0,
        lengths_via=frozenset({"argument"}),
        forget_bias=True,
        peephole=_PEEPHOLE,
        cell_clip=True,
        **_LOSS,
    )

    def layer(self, case: Case, weights: dict[str, Any], state: Pair, x: Any, steps: int) -> Pair:
        """One call of the op."""
        h, c = state
        result = self.tf.raw_ops.BlockLSTM(
            seq_len_max=np.int64(steps),
            x=x,
            cs_prev=c,
            h_prev=h,
            forget_bias=case.forget_bias,
            **weights,
        )
        return result.h, result.cs


class BlockLSTMV2(_BlockOp):
    """tf.raw_ops.BlockLSTMV2: gates i, f, c, o; no forget bias."""

    name = "tf-block-lstm-v2"
    capabilities = Capabilities(
        dtypes=_DTYPES,
        lengths="common",
        min_length=0,
        lengths_via=frozenset({"argument"}),
        peephole=_PEEPHOLE,
        cell_clip=True,
        **_LOSS,
    )
    layout = TF_BLOCK_V2

    def layer(self, case: Case, weights: dict[str, Any], state: Pair, x: Any, steps: int) -> Pair:
        """One call of the op."""
        h, c = state
        result = self.tf.raw_ops.BlockLSTMV2(seq_len_max=np.int64(steps), x=x, cs_prev=c, h_prev=h, **weights)
        return result.h, result.cs


class LSTMBlockCell(_BlockOp):
    """tf.raw_ops.LSTMBlockCell: one step; gates i, c, f, o; a forget bias at run time."""

    name = "tf-lstm-block-cell"
    # TensorFlow has no gradient registered for it.
    capabilities = Capabilities(
        dtypes=_DTYPES,
        max_steps=1,
        forget_bias=True,
        peephole=_PEEPHOLE,
        cell_clip=True,
        softmax=True,
        cross_entropy=True,
    )

    def prepare(self, case: Case, weights: Weights) -> Model:
        """The op, which unlike the other two refuses an empty batch."""
        if case.B == 0:
            raise UnsupportedOption(f"{self.name}: the op takes no empty cs_prev")
        return super().prepare(case, weights)

    def layer(self, case: Case, weights: dict[str, Any], state: Pair, x: Any, steps: int) -> Pair:
        """One call of the op."""
        h, c = state
        result = self.tf.raw_ops.LSTMBlockCell(x=x[0], cs_prev=c, h_prev=h, forget_bias=case.forget_bias, **weights)
        return result.h[None], result.cs[None]


def _own(tensor: Any) -> Array:
    """A copy of an eager tensor: its buffer belongs to TensorFlow."""
    return np.array(tensor.numpy())
