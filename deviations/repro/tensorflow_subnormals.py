"""TensorFlow's CPU kernels take subnormal numbers for zeros, in inputs and weights alike.

1e-39 is subnormal in float32; times 1e38 it is 0.1. The same with 1e-309 and 1e308 in float64. TensorFlow sets its
threads to treat subnormal numbers as zeros and to flush subnormal results.
"""

import numpy as np
import tensorflow as tf


@tf.function
def block_lstm(x, W):
    """h after one step from zeros, with the same weight for every gate."""
    zeros = np.zeros((1, 1), np.float32)
    return tf.raw_ops.BlockLSTMV2(
        seq_len_max=np.int64(1),
        x=x[None],
        cs_prev=zeros,
        h_prev=zeros,
        w=tf.concat([W, tf.zeros((1, 4))], 0),
        wci=tf.zeros(1),
        wcf=tf.zeros(1),
        wco=tf.zeros(1),
        b=tf.zeros(4),
    ).h


wrong = []
for dtype, small, large in ((np.float32, 1e-39, 1e38), (np.float64, 1e-309, 1e308)):
    x, W = np.full((1, 1), small, dtype), np.full((1, 4), large, dtype)
    for name, a, b in (("x", x, W), ("W", W[:, :1], x)):
        got = tf.function(tf.matmul)(tf.constant(a), tf.constant(b)).numpy()[0, 0]
        right = float(a[0, 0]) * float(b[0, 0])
        print(f"{dtype.__name__}, {name} subnormal: matmul got {got:g}, right {right:.3g}")
        wrong.append(got == 0 and abs(right - 0.1) < 1e-3)
x, W = np.full((1, 1), 1e-39, np.float32), np.full((1, 4), 1e38, np.float32)
got = float(block_lstm(tf.constant(x), tf.constant(W)).numpy().item())
z = float(x[0, 0]) * 1e38
gate = 1 / (1 + np.exp(-z))
right = gate * np.tanh(gate * np.tanh(z))
print(f"BlockLSTMV2, x subnormal: h got {got:.9g}, right {right:.9g}")
raise SystemExit(0 if all(wrong) and got == 0 and right > 0.02 else "does not deviate")
