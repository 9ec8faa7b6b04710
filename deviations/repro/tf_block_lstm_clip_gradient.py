"""The gradient of BlockLSTM knows nothing of cell_clip: it goes through a cell state that the clip has bounded."""

import numpy as np
import tensorflow as tf

zeros, peephole = np.zeros((1, 1), np.float32), np.zeros(1, np.float32)
OTHERS = {"cs_prev": zeros, "h_prev": zeros, "wci": peephole, "wcf": peephole, "wco": peephole, "use_peephole": False}


def cell(x, cell_clip):
    """The new cell state, S(x) tanh(x) within the clip."""
    w, b = np.array([[1, 1, 0, 0], [0, 0, 0, 0]], np.float32), np.zeros(4, np.float32)
    return tf.raw_ops.BlockLSTM(
        seq_len_max=np.int64(1), x=x, w=w, b=b, forget_bias=0.0, cell_clip=cell_clip, **OTHERS
    ).cs


x = tf.constant([[[2.0]]])
with tf.GradientTape() as tape:
    tape.watch(x)
    c = cell(x, 0.5)
got = tape.gradient(c, x).numpy().item()
right = (cell(x + 0.25, 0.5) - cell(x - 0.25, 0.5)).numpy().item() / 0.5
print(f"c is {c.numpy().item()}, bounded by 0.5 for every x near 2; dc/dx: got {got:.7f}, right {right}")
raise SystemExit(0 if got != right == 0.0 else "does not deviate")
