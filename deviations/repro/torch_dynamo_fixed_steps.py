"""torch.onnx.export(dynamo=True) bakes the example's number of steps into an LSTM declared to take any.

The exported model says that T is dynamic; run with twice the example's steps, it returns the example's number.
"""

import onnxruntime
import torch

lstm = torch.nn.LSTM(4, 6).eval()
shapes = ({0: torch.export.Dim("T"), 1: torch.export.Dim("B")},)
program = torch.onnx.export(lstm, (torch.randn(5, 3, 4),), dynamo=True, dynamic_shapes=shapes, verbose=False)
session = onnxruntime.InferenceSession(program.model_proto.SerializeToString())
x = session.get_inputs()[0]
got = session.run(None, {x.name: torch.randn(10, 3, 4).numpy()})[0].shape
print(f"input declared {x.shape}; for 10 steps of 3 rows got y of shape {got}, right (10, 3, 6)")
raise SystemExit(0 if got != (10, 3, 6) else "does not deviate")
