#!/usr/bin/env bash
# Keras 3.15.1 on PyTorch 2.13.0: an LSTM exported to ONNX with an open time axis computes the first step alone.
#
# `Input((None, 4))` leaves the number of steps open, and so does the exported model's input: onnxruntime takes seven
# steps without a word. What comes out has the right shape and is the answer for the first of them; the other six are
# not read, for the scan over time was unrolled over the one step that the exporter traced the model with. Expected is
# what Keras itself gives for the seven steps.
#
# Output seen (keras 3.15.1, torch 2.13.0, onnxruntime 1.31.1):
#   input of the exported model: ['batch', 'dim_0_1', 4]
#   onnxruntime, 7 steps: [-0.02901759  0.06328277  0.0121766   0.0550595   0.00356399]
#   Keras,       7 steps: [ 0.18078804 -0.17511055 -0.01653381 -0.02942428  0.0254049 ]
#   Keras,  first step:   [-0.0290176   0.06328277  0.0121766   0.0550595   0.00356399]
#
# Later versions are to refuse such an export: https://github.com/keras-team/keras/pull/23058. Ends with 0 while the
# behaviour is this, with 1 once it is not.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet keras==3.15.1 onnx==1.23.2 onnxruntime==1.31.1 onnxscript==0.7.2

cat > "$folder/show.py" << 'EOF'
import sys

import keras
import numpy as np
import onnxruntime

keras.utils.set_random_seed(0)
x = keras.Input((None, 4))
model = keras.Model(x, keras.layers.LSTM(5)(x))
signature = [keras.InputSpec(shape=(None, None, 4), dtype="float32")]
model.export("lstm.onnx", format="onnx", verbose=False, input_signature=signature)

session = onnxruntime.InferenceSession("lstm.onnx")
(described,) = session.get_inputs()
steps = np.random.default_rng(0).normal(size=(1, 7, 4)).astype(np.float32)
(found,) = session.run(None, {described.name: steps})
right, first = model.predict(steps, verbose=0), model.predict(steps[:, :1], verbose=0)
print("input of the exported model:", described.shape)
print("onnxruntime, 7 steps:", found[0])
print("Keras,       7 steps:", right[0])
print("Keras,  first step:  ", first[0])
as_described = np.allclose(found, first, atol=1e-6) and not np.allclose(found, right, atol=1e-2)
sys.exit(0 if as_described else "the behaviour has changed")
EOF
cd "$folder"
KERAS_BACKEND=torch PYTHONWARNINGS=ignore "$folder/venv/bin/python" show.py
