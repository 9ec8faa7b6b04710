"""A predictor of paddle.inference takes subnormal numbers for zeros; the eager layer that was saved does not.

x is about 1e-39, and one step from states of zeros is sigmoid(o) tanh(sigmoid(i) tanh(g)).
"""

import tempfile

import numpy as np
import paddle
import paddle.inference

paddle.set_device("cpu")
paddle.seed(0)
layer = paddle.nn.LSTM(5, 7)
layer.eval()
cell = layer[0].cell
for bias in (cell.bias_ih, cell.bias_hh):
    bias.set_value(np.zeros(28, np.float32))
w = cell.weight_ih.numpy().astype(np.float64)
x = (np.random.default_rng(0).normal(size=(2, 1, 5)) * 1e-39).astype(np.float32)
i, _, g, o = np.split(x[:, 0].astype(np.float64) @ w.T, 4, axis=-1)
right = np.tanh(np.tanh(g) / (1 + np.exp(-i))) / (1 + np.exp(-o))
eager = layer(paddle.to_tensor(x))[0].numpy()[:, 0]
with tempfile.TemporaryDirectory() as folder:
    paddle.jit.save(layer, f"{folder}/model", input_spec=[paddle.static.InputSpec([None, None, 5], "float32", "x")])
    config = paddle.inference.Config(f"{folder}/model.json", f"{folder}/model.pdiparams")
    config.disable_glog_info()
    predictor = paddle.inference.create_predictor(config)
predictor.get_input_handle("x").copy_from_cpu(x)
predictor.run()
y = predictor.get_output_handle(predictor.get_output_names()[0]).copy_to_cpu()[:, 0]
for name, found in (("right", right), ("eager", eager), ("predictor", y)):
    print(f"{name}: y up to {np.abs(found.astype(np.float64)).max():.3g}")
raise SystemExit(0 if np.allclose(eager, right, rtol=1e-3, atol=1e-43) and not y.any() else "does not deviate")
