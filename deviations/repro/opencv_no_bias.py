"""OpenCV's LSTM raises if it has initial states and no bias, input B; with neither it is right."""

import cv2
import numpy as np
from onnx_lstm import lstm, numbers
from opencv_net import answer
from plain_lstm import states

tensors = numbers(0, x=(3, 1, 2), W=(1, 8, 2), R=(1, 8, 2))
neither = np.allclose(answer(*lstm(tensors))[1][0], states(tensors)[-1][0], atol=1e-6)
try:
    answer(*lstm(tensors | numbers(1, h0=(1, 1, 2), c0=(1, 1, 2))))
except cv2.error as error:
    print(f"with neither right: {neither}; with states: {error}")
    raise SystemExit(0 if neither and "operands are empty" in str(error) else "does not deviate") from None
raise SystemExit("does not deviate")
