"""tf.nn.leaky_relu rounds its slope to float32, in float64 too: leaky_relu(-1) is minus the slope."""

import numpy as np
import tensorflow as tf

got = float(tf.nn.leaky_relu(np.array([-1.0]), alpha=0.1).numpy()[0])
print(f"leaky_relu(-1) with slope 0.1 in float64: got {got!r}, right -0.1")
raise SystemExit(0 if got == -float(np.float32(0.1)) else "does not deviate")
