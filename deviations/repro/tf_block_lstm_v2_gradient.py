"""BlockLSTMV2's registered gradient is BlockLSTM's, whose gates have another order: i, c, f, o and not i, f, c, o."""

import numpy as np
import tensorflow as tf

T, B, I, H = 3, 2, 3, 4
rng = np.random.default_rng(0)
x = rng.normal(size=(T, B, I)).astype(np.float32)
w = (rng.normal(size=(I + H, 4 * H)) / 2).astype(np.float32)
b = rng.normal(size=4 * H).astype(np.float32)
zeros, peephole = np.zeros((B, H), np.float32), np.zeros(H, np.float32)
OTHERS = {"cs_prev": zeros, "h_prev": zeros, "wci": peephole, "wcf": peephole, "wco": peephole, "use_peephole": False}


def loss(b):
    """The sum of every h."""
    op = tf.raw_ops.BlockLSTMV2
    return tf.reduce_sum(op(seq_len_max=np.int64(T), x=x, w=w, b=b, cell_clip=-1.0, **OTHERS).h)


bias = tf.constant(b)
with tf.GradientTape() as tape:
    tape.watch(bias)
    value = loss(bias)
got = tape.gradient(value, bias).numpy()
step = 2.0**-6
moved = [step * np.eye(4 * H, dtype=np.float32)[k] for k in range(4 * H)]
right = np.array([float(loss(b + d) - loss(b - d)) / (2 * step) for d in moved])
print("d(sum of h)/db, gates i, f, c, o")
print("got\n", got.reshape(4, H).round(3))
print("right, by central differences\n", right.reshape(4, H).round(3))
raise SystemExit(0 if np.abs(got - right).max() > 0.1 else "does not deviate")
