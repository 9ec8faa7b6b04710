"""onnxruntime's ThresholdedRelu inside LSTM has a threshold of 0 where activation_alpha is left out.

The operator: "Default values are the same as of corresponding ONNX operators", which for ThresholdedRelu is 1. i =
sigmoid(50) is 1 and f = sigmoid(-50) is 0 to float32, so c is ThresholdedRelu(z_c).
"""

from onnxruntime_step import step

by_default, given = (
    step(50, -50, 0.5, 0, activations=["Sigmoid", "ThresholdedRelu", "Tanh"], **alpha)[1]
    for alpha in ({}, {"activation_alpha": [1.0]})
)
print(f"ThresholdedRelu(0.5): got {by_default:g}, right 0; with activation_alpha = 1 {given:g}")
raise SystemExit(0 if by_default == 0.5 and given == 0 else "does not deviate")
