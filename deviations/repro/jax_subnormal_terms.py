"""JAX flushes a subnormal result to zero where it arises on the CPU, whatever is computed from it afterwards.

The inputs are normal numbers. Their product, 1e-39, is subnormal in float32; eight of them, summed and divided by
1e-30, should be 8e-9. A product that is added to another without being rounded first is not flushed.
"""

import jax.numpy as jnp
import numpy as np

x, w = np.full(8, 1e-30, np.float32), np.full(8, 1e-9, np.float32)
got = float(jnp.sum(jnp.multiply(x, w)) * np.float32(1e30))
print(f"sum of eight products of 1e-30 and 1e-9, times 1e30: got {got:g}, right 8e-09")
raise SystemExit(0 if got == 0 else "does not deviate")
