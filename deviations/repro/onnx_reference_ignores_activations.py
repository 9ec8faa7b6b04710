"""onnx.reference computes LSTM with sigmoid and tanh whatever `activations` says.

One step, H = 1, x = 1 and W holding the pre-activations, so h is sigmoid(z_o) * Hh(c), c = sigmoid(z_i) * G(z_g).
"""

import math

import numpy as np
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

Z_I, Z_O, Z_F, Z_G = 0.5, 0.25, -0.5, 2.0


def vector(name, shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


node = helper.make_node("LSTM", ["x", "W", "R"], ["y"], hidden_size=1, activations=["Sigmoid", "Relu", "Softsign"])
graph = helper.make_graph(
    [node], "g", [vector("x", [1, 1, 1]), vector("W", [1, 4, 1]), vector("R", [1, 4, 1])], [vector("y", [1, 1, 1, 1])]
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)])
feeds = {
    "x": np.ones((1, 1, 1), np.float32),
    "W": np.array([Z_I, Z_O, Z_F, Z_G], np.float32).reshape(1, 4, 1),
    "R": np.zeros((1, 4, 1), np.float32),
}
got = float(ReferenceEvaluator(model).run(None, feeds)[0].item())


def sigmoid(z):
    return 1 / (1 + math.exp(-z))


c = sigmoid(Z_I) * max(Z_G, 0)
right = sigmoid(Z_O) * c / (1 + abs(c))
ignored = sigmoid(Z_O) * math.tanh(sigmoid(Z_I) * math.tanh(Z_G))
print(f"got {got:.7f}, right {right:.7f}, with sigmoid, tanh, tanh {ignored:.7f}")
raise SystemExit(0 if abs(got - right) > 1e-3 and abs(got - ignored) < 1e-6 else "does not deviate")
