"""onnxruntime's LSTM ends the process when it is given a batch of no rows; a shape with a 0 is valid in ONNX.

The right answer is y of shape (5, 1, 0, 4). The step is run in a process of its own, as this one would not survive it.
"""

import signal
import subprocess
import sys

import onnxruntime
from onnx_lstm import lstm, numbers

if "run" in sys.argv:
    model, feeds = lstm(numbers(0, x=(5, 0, 3), W=(1, 16, 3), R=(1, 16, 4)), open_sizes=True)
    y = onnxruntime.InferenceSession(model.SerializeToString()).run(["y"], feeds)[0]
    print(f"y of shape {y.shape}")
    raise SystemExit(0)
done = subprocess.run([sys.executable, __file__, "run"], capture_output=True, text=True, check=False)
got = signal.Signals(-done.returncode).name if done.returncode < 0 else done.stdout or done.stderr
print(f"got {got}: {done.stderr.strip()}; right y of shape (5, 1, 0, 4)")
raise SystemExit(0 if done.returncode < 0 else "does not deviate")
