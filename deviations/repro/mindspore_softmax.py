"""MindSpore's softmax in float32 is off by up to several units in the sixth digit, many roundings of float32."""

import mindspore as ms
import numpy as np

ms.set_device("CPU")
logits = np.random.default_rng(0).normal(size=(2000, 7)).astype(np.float32)
shares = np.exp(logits.astype(np.float64))
shares /= shares.sum(-1, keepdims=True)
off = np.abs(ms.ops.softmax(ms.Tensor(logits), axis=-1).asnumpy() / shares - 1).max()
print(f"relative error up to {off:.2g}, {off / 2**-24:.0f} times the unit roundoff of float32")
raise SystemExit(0 if off > 16 * 2**-24 else "does not deviate")
