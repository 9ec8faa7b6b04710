"""Flax leaves a NaN in the padding out of its final carry, but not out of the gradients: 0 * NaN on the way back.

The same in linen and in nnx.
"""

import jax
import numpy as np
from flax import linen, nnx

x = np.array([[[1.0], [np.nan]]], "float32")  # the row has one step, and the second is padding
lengths = np.array([1])

layer = linen.RNN(linen.LSTMCell(1), return_carry=True)
weights = layer.init(jax.random.key(0), x)


def h_linen(weights):
    """The final h."""
    return layer.apply(weights, x, seq_lengths=lengths)[0][1].sum()


def h_nnx(rnn):
    """The final h."""
    return rnn(x, seq_lengths=lengths)[0][1].sum()


rnn = nnx.RNN(nnx.OptimizedLSTMCell(1, 1, rngs=nnx.Rngs(0)), return_carry=True, rngs=nnx.Rngs(0))
wrong = []
for name, (value, gradient) in {
    "linen": jax.value_and_grad(h_linen)(weights),
    "nnx": nnx.value_and_grad(h_nnx)(rnn),
}.items():
    found = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(gradient)])
    print(f"{name}: h {value:.7f}; its gradient by the weights {found}, right: numbers")
    wrong.append(np.isfinite(value) and np.isnan(found).any())
raise SystemExit(0 if all(wrong) else "does not deviate")
