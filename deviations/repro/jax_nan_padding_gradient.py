"""JAX' lstm_ref leaves a NaN in the padding out of its answer, but not out of the gradients: there it is 0 * NaN."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.rnn import lstm_ref

zero, zeros = np.zeros((1, 1, 1), "float32"), np.zeros(4, "float32")
x = np.array([[[1.0], [np.nan]]], "float32")  # the row has one step, and the second is padding


def h(weight):
    """The final h, with `weight` in front of x."""
    tensors = ({0: weight}, {0: np.zeros((4, 1), "float32")}, {0: zeros}, {0: zeros})
    return lstm_ref(x, zero, zero, *tensors, jnp.ones(1, "int32"), 1, 1, 1, 0.0, False)[1].sum()


value, gradient = jax.value_and_grad(h)(np.ones((4, 1), "float32"))
print(f"h {value:.7f}; its gradient by the four weights {np.ravel(gradient)}, right: four numbers")
raise SystemExit(0 if np.isfinite(value) and np.isnan(gradient).any() else "does not deviate")
