"""Paddle's softmax takes no logit for less than 64 below the largest, and its cross-entropy is never far above 64."""

import numpy as np
import paddle

paddle.set_device("cpu")
deviates = []
for far in (60.0, 100.0):
    logits = paddle.to_tensor(np.array([[0.0, far]]))
    loss = float(paddle.nn.functional.cross_entropy(logits, paddle.to_tensor([0])))
    right = far + np.log1p(np.exp(-far))
    share = float(paddle.nn.functional.softmax(logits)[0, 0])
    print(
        f"logits [0, {far:g}], target 0: loss {loss!r}, right {right!r}; softmax {share:.3g}, right {np.exp(-far):.3g}"
    )
    deviates.append((abs(loss - right) > 1e-6) == (far > 64))
raise SystemExit(0 if all(deviates) else "does not deviate")
