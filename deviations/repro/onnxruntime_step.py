"""One LSTM step of onnxruntime with given pre-activations: H = 1, x = 1, and W holding z."""

import numpy as np
import onnxruntime
from onnx import TensorProto, helper


def step(z_i, z_f, z_g, z_o, c0=0.0, **attributes):
    """h and c after one step from c0, as floats."""

    def value(name, shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    def column(*numbers):
        return np.array(numbers, np.float32).reshape(1, -1, 1)

    node = helper.make_node("LSTM", ["x", "W", "R", "", "", "", "c0"], ["", "h", "c"], hidden_size=1, **attributes)
    inputs = [value("x", [1, 1, 1]), value("W", [1, 4, 1]), value("R", [1, 4, 1]), value("c0", [1, 1, 1])]
    graph = helper.make_graph([node], "g", inputs, [value("h", [1, 1, 1]), value("c", [1, 1, 1])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    feeds = {"x": column(1), "W": column(z_i, z_o, z_f, z_g), "R": column(0, 0, 0, 0), "c0": column(c0)}
    return [float(o.item()) for o in onnxruntime.InferenceSession(model.SerializeToString()).run(None, feeds)]
