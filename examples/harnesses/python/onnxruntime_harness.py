#!/usr/bin/env python3
"""ONNX Runtime as a harness: it asks for a ready model, so that only a session and its capabilities are left to say."""

import harness

ALL = dict.fromkeys(
    (
        *("sigmoid", "tanh", "relu", "hard_sigmoid", "affine", "leaky_relu", "thresholded_relu", "scaled_tanh", "elu"),
        *("softsign", "softplus", "linear"),
    )
)


def load():
    import onnxruntime

    return {"onnxruntime": onnxruntime.__version__}


class Layer:
    """A session with the model of a case."""

    def __init__(self, case, tensors):
        import onnxruntime

        self.outputs = case["onnx"]["outputs"]
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        self.session = onnxruntime.InferenceSession(
            tensors["model"].tobytes(), options, providers=["CPUExecutionProvider"]
        )

    def call(self, given):
        return dict(zip(self.outputs, self.session.run(self.outputs, given), strict=True))


harness.Layer = Layer
harness.load = load
harness.DESCRIPTION = {
    "protocol": 1,
    "name": "onnxruntime-frames",
    "weights": "onnx",
    "capabilities": {
        "dtypes": ["float16", "float32"],
        "directions": ["forward", "reverse", "bidirectional"],
        "lengths": "each",
        "min_length": 0,
        "lengths_via": ["argument"],
        "activations": {"gate": ALL, "cell": ALL, "hidden": ALL, "per_direction": True, "defaults": ["onnx"]},
        "peephole": ["new-cell"],
        "gate_clip": ["gates"],
        "coupling": ["forget=1-input"],
    },
    "contracts": {"padded_y": "zeros", "empty_rows": "zeros"},
}

if __name__ == "__main__":
    harness.main()
