"""OpenCV's LSTM raises with the attribute layout=1, x (B, T, I)."""

import cv2
import numpy as np
from onnx_lstm import lstm, numbers
from opencv_net import answer
from plain_lstm import states

tensors = numbers(0, x=(3, 4, 2), W=(1, 8, 2), R=(1, 8, 2), B=(1, 16))  # T = 3, B = 4
time_major = np.allclose(answer(*lstm(tensors))[1][0], states(tensors)[-1][0], atol=1e-6)
turned = tensors | {"x": np.ascontiguousarray(tensors["x"].swapaxes(0, 1))}
try:
    y, h, _ = answer(*lstm(turned, layout=1))
except cv2.error as error:
    print(f"layout=0 right: {time_major}; layout=1: {error}")
    raise SystemExit(0 if time_major else "does not deviate") from None
print(f"y {y.shape}, h {h.shape}: {h.ravel()}, right {states(tensors)[-1][0].ravel()}")
raise SystemExit("does not deviate")
