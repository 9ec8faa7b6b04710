"""torch.onnx.export(dynamo=True) loses the projection of nn.LSTM(proj_size=3): no weight of that shape is in the model.

The exported graph is an LSTM without it, whose cell state would have the size of the projected output; it cannot run.
"""

import onnxruntime
import torch

lstm = torch.nn.LSTM(4, 6, proj_size=3).eval()
program = torch.onnx.export(lstm, (torch.zeros(5, 2, 4),), dynamo=True, verbose=False)
kinds = [node.op_type for node in program.model_proto.graph.node]
try:
    session = onnxruntime.InferenceSession(program.model_proto.SerializeToString())
    got = session.run(None, {session.get_inputs()[0].name: torch.zeros(5, 2, 4).numpy()})[0].shape
except Exception as error:
    got = str(error).splitlines()[0]
print(f"exported as {', '.join(kinds)}; got {got}, right (5, 2, 3)")
raise SystemExit(0 if "LSTM" in kinds and got != (5, 2, 3) else "does not deviate")
