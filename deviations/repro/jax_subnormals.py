"""JAX takes subnormal numbers for zeros on the CPU, in inputs and weights alike; so does every library on it.

1e-39 is subnormal in float32; times 1e38 it is 0.1. The same with 1e-309 and 1e308 in float64.
"""

import jax

jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp
import numpy as np
from jax.experimental.rnn import lstm_ref


def h(x, weight, dtype):
    """After one step from zeros in which every gate has the input x * weight."""
    zero, zeros = np.zeros((1, 1, 1), dtype), np.zeros((4, 1), dtype)
    tensors = ({0: np.full((4, 1), weight, dtype)}, {0: zeros}, {0: zeros[:, 0]}, {0: zeros[:, 0]})
    found = lstm_ref(np.full((1, 1, 1), x, dtype), zero, zero, *tensors, jnp.ones(1, "int32"), 1, 1, 1, 0.0, False)
    return float(found[1].item())


gate = 1 / (1 + np.exp(-0.1))
right = gate * np.tanh(gate * np.tanh(0.1))
wrong = []
for dtype, small, large in (("float32", 1e-39, 1e38), ("float64", 1e-309, 1e308)):
    got = [h(small, large, dtype), h(large, small, dtype)]
    print(f"{dtype}: h got {got[0]:g} for a subnormal x and {got[1]:g} for a subnormal weight, right {right:.6g}")
    wrong.append(got == [0, 0])
raise SystemExit(0 if all(wrong) else "does not deviate")
