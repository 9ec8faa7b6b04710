"""JAX's tanh of a float64 is up to 7 units of roundoff too small where it should be 1, so its derivative is not 0."""

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)
z = np.linspace(19.5, 40, 2051)  # 1 - tanh is below 1e-16 here, so that tanh rounds to 1
off = (1 - np.array(jnp.tanh(z))) / 2**-53
slope = np.array(jax.vmap(jax.grad(jnp.tanh))(z))
print(f"1 - tanh: up to {off.max():g} units of roundoff, with NumPy {(1 - np.tanh(z)).max():g}")
print(f"derivative: up to {slope.max():.2g}, right {(1 / np.cosh(z) ** 2).max():.2g}")
raise SystemExit(0 if off.max() >= 4 and slope.max() > 5e-16 else "does not deviate")
