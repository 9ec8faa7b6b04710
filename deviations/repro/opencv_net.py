"""The answer of OpenCV's DNN module to a model of onnx_lstm."""

import os

import numpy as np

os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")  # what it raises it prints as well
import cv2


def answer(model, feeds):
    """y, h and c."""
    net = cv2.dnn.readNetFromONNX(np.frombuffer(model.SerializeToString(), np.uint8))
    for name, array in feeds.items():
        net.setInput(array, name)
    return [np.array(output) for output in net.forward(["y", "h", "c"])]
