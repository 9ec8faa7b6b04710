"""paddle2onnx loses the lengths of paddle.nn.LSTM, and of two layers the states of the lower one."""

import logging
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
import paddle

logging.disable(logging.WARNING)


def exported(layer, **inputs):
    """What the exported layer answers; x (B, T, 3) and lengths (B) by name."""
    spec = [paddle.static.InputSpec(list(array.shape), str(array.dtype), name) for name, array in inputs.items()]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lstm"
        layer.eval()
        paddle.onnx.export(layer, str(path), input_spec=spec, opset_version=15)
        session = onnxruntime.InferenceSession(path.with_suffix(".onnx").read_bytes())
    return session.run(None, inputs)


class Lengths(paddle.nn.LSTM):
    """An LSTM called with lengths."""

    def forward(self, x, lengths):
        """Y, h and c."""
        y, (h, c) = super().forward(x, None, lengths)
        return y, h, c


class States(paddle.nn.LSTM):
    """An LSTM called without lengths."""

    def forward(self, x):
        """Y, h and c."""
        y, (h, c) = super().forward(x)
        return y, h, c


paddle.seed(0)
x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32)
y, *_ = exported(Lengths(3, 4), x=x, lengths=np.array([3, 5], np.int32))
_, h, _ = exported(States(3, 4, num_layers=2), x=x)
print(f"lengths [3, 5]: y of row 0 after step 3: got {abs(y[0, 3:]).max():.3g}, right 0")
print(f"two layers: h has shape {h.shape}, right (2, 2, 4)")
raise SystemExit(0 if abs(y[0, 3:]).max() > 0.01 and h.shape == (1, 2, 4) else "does not deviate")
