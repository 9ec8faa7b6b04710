"""OpenCV's LSTM raises with peepholes, input P, in a bidirectional layer."""

import cv2
from onnx_lstm import lstm, numbers
from opencv_net import answer

states = numbers(0, h0=(2, 1, 2), c0=(2, 1, 2))
tensors = numbers(1, x=(3, 1, 2), W=(2, 8, 2), R=(2, 8, 2), B=(2, 16)) | states
without = answer(*lstm(tensors, direction="bidirectional"))
try:
    answer(*lstm(tensors | numbers(2, P=(2, 6)), direction="bidirectional"))
except cv2.error as error:
    print(f"without peepholes h {without[1].shape}; with them: {error}")
    raise SystemExit(0 if "Assertion failed" in str(error) else "does not deviate") from None
raise SystemExit("does not deviate")
