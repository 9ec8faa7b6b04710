#!/usr/bin/env bash
# Keras 3.15.1 on TensorFlow 2.21.0: a stateful LSTM that has run is exported with the state it was in.
#
# `LSTM(5, stateful=True)` is called once and the model exported to ONNX. Expected: a model that starts from zeros, or
# refuses, or has its state for an input. In fact the state that the call left became a constant of the exported model:
# every run, the first as well as each later one, starts from it, and nothing is carried on. The update of the state is
# taken out with the words "Removed BiasAdd .../AssignVariableOp", which name neither the layer nor the state. After
# `layer.reset_state()` the export starts from zeros.
#
# tf2onnx' own account: https://github.com/onnx/tensorflow-onnx/issues/1152. Ends with 0 while the behaviour is this,
# with 1 once it is not.
#
# Seen (tf2onnx 1.17.0, onnxruntime 1.31.1):
#   Keras, from zeros:                [-0.03246225 -0.22392063 -0.04416321 -0.03284699  0.04406671]
#   Keras, from where that ended:     [-0.02816643 -0.2508051  -0.02336138 -0.02742873  0.0480216 ]
#   exported after one call, run 1:   [-0.02816647 -0.25080508 -0.02336137 -0.02742874  0.04802156]
#   exported after one call, run 2:   [-0.02816647 -0.25080508 -0.02336137 -0.02742874  0.04802156]
#   exported after a reset:           [-0.03246226 -0.22392063 -0.04416321 -0.03284698  0.04406672]
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check keras==3.15.1 tensorflow==2.21.0 tf2onnx==1.17.0 \
    onnx==1.23.2 onnxruntime==1.31.1 2> "$folder/pip.log" || { cat "$folder/pip.log"; exit 1; }
cd "$folder"
cat > export.py <<'PYTHON'
import keras
import numpy as np
import onnxruntime


def exported():
    signature = [keras.InputSpec(shape=(1, None, 4), dtype="float32", name="x")]
    model.export("lstm.onnx", format="onnx", verbose=False, input_signature=signature)
    return onnxruntime.InferenceSession("lstm.onnx")


def shown(name, answer):
    print(f"{name + ':':33} {np.asarray(answer)[0]}")
    return np.asarray(answer)


keras.utils.set_random_seed(0)
x = keras.Input(batch_shape=(1, None, 4))
layer = keras.layers.LSTM(5, stateful=True)
model = keras.Model(x, layer(x))
steps = np.random.default_rng(0).normal(size=(1, 7, 4)).astype(np.float32)

from_zeros = shown("Keras, from zeros", model(steps))
session = exported()
carried_on = shown("Keras, from where that ended", model(steps))
runs = [shown(f"exported after one call, run {n}", session.run(None, {"x": steps})[0]) for n in (1, 2)]
layer.reset_state()
after_reset = shown("exported after a reset", exported().run(None, {"x": steps})[0])

same = all(np.allclose(run, carried_on, atol=1e-6) for run in runs)
same = same and not np.allclose(carried_on, from_zeros, atol=1e-4) and np.allclose(after_reset, from_zeros, atol=1e-6)
raise SystemExit(None if same else "changed")
PYTHON
KERAS_BACKEND=tensorflow CUDA_VISIBLE_DEVICES= TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" export.py 2> export.log || { cat export.log; exit 1; }
