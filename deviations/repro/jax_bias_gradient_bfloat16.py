"""JAX adds up the gradient of a bias in bfloat16, where jnp.sum adds up bfloat16 in float32.

The gradient of 816 rows is wrong by 4 units in the last place of its largest element, jnp.sum of the same rows by less
than one.
"""

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np

rows = (np.random.default_rng(0).standard_normal((816, 127)) / 816).astype(ml_dtypes.bfloat16)
right = rows.astype(np.float64).sum(axis=0)


def product(bias):
    """Its gradient is the sum of the rows."""
    return jnp.sum((jnp.zeros(rows.shape, rows.dtype) + bias) * rows)


found = {"gradient": jax.grad(product)(jnp.zeros(127, rows.dtype)), "jnp.sum": jnp.sum(jnp.asarray(rows), axis=0)}
errors = {
    name: np.abs(np.asarray(got, np.float64) - right).max() / np.abs(right).max() * 256 for name, got in found.items()
}
for name, error in errors.items():
    print(f"{name}: wrong by {error:.2g} units of the largest element in bfloat16")
raise SystemExit(0 if errors["gradient"] > 2 and errors["jnp.sum"] < 1 else "does not deviate")
