"""Every adapter reports the settings that decide its precision: those in effect, not those intended."""

import pytest
from agreement import row

from conformance.adapters import registry
from conformance.case.errors import AdapterUnavailable
from conformance.run.process import Worker

pytestmark = pytest.mark.workers

SHOWN = {
    "numpy": {"numpy.blas", "numpy.simd"},
    "torch": {"torch.float32_matmul_precision", "torch.mkldnn", "torch.threads"},
    "tf-block-lstm": {"tensorflow.tf32", "tensorflow.onednn", "tensorflow.intra_op_threads"},
    "tf1-lstm-cell": {"tensorflow.tf32", "tensorflow.onednn"},
    "keras-tensorflow": {"keras.floatx", "keras.backend", "tensorflow.onednn"},
    "keras-jax": {"keras.floatx", "jax.default_matmul_precision", "jax.enable_x64", "jax.platform"},
    "keras-torch": {"keras.floatx", "torch.float32_matmul_precision"},
    "keras-onnxruntime": {"onnxruntime.graph_optimization_level", "keras.floatx", "tensorflow.onednn"},
    "onnxruntime": {"onnxruntime.provider", "onnxruntime.graph_optimization_level", "onnxruntime.intra_op_threads"},
    "onnx-reference": {"numpy.blas"},
    "openvino": {"openvino.inference_precision_hint", "openvino.execution_mode_hint"},
    "torch-dynamo-onnxruntime": {"onnxruntime.provider", "torch.mkldnn"},
    "paddle": {"paddle.use_onednn"},
    "mlx": {"mlx.default_device"},
    "mindspore": {"mindspore.mode", "mindspore.device_target"},
    "tinygrad": {"tinygrad.target"},
    "litert": {"ai-edge-litert.num_threads", "ai-edge-litert.experimental_op_resolver_type"},
    "flax": {"jax.default_matmul_precision", "jax.enable_x64"},
    "haiku": {"jax.enable_x64"},
    "equinox": {"jax.enable_x64"},
    "jax-rnn": {"jax.enable_x64"},
    "opencv": {"opencv.threads", "opencv.optimized"},
    "tract": {"tract.runtime"},
    "iree": {"iree.flags"},
    "mnn": {"mnn.backend", "mnn.precision"},
    "ncnn": {"ncnn.use_fp16_storage", "ncnn.use_packing_layout", "ncnn.num_threads"},
    "onnxruntime-int8": {"onnxruntime.provider"},
    "torch-int8": {"torch.mkldnn", "torch.threads"},
    "keras-torch-onnxruntime": {"onnxruntime.provider", "keras.floatx"},
    "paddle-onnxruntime": {"onnxruntime.provider"},
    # Their interpreters have nothing to set that changes a number.
    "executorch": set(),
    "torch-litert": set(),
    "tflite-micro": set(),
    "tfjs-wasm": {"tfjs.backend", "tfjs.wasm_simd", "tfjs.wasm_threads"},
    "onnxruntime-web": {"onnxruntime.provider", "onnxruntime.allow_spinning"},
    "webnn": {"webnn.device"},
}

FOLLOWED = [
    ("torch", "OMP_NUM_THREADS", "1", "torch.threads", "1"),
    ("torch", "ATEN_CPU_CAPABILITY", "default", "torch.cpu_capability", "DEFAULT"),
    ("tf-block-lstm", "TF_ENABLE_ONEDNN_OPTS", "0", "tensorflow.onednn", "off"),
    ("keras-jax", "JAX_DEFAULT_MATMUL_PRECISION", "highest", "jax.default_matmul_precision", "highest"),
    ("keras-jax", "JAX_ENABLE_X64", "0", "jax.enable_x64", "on"),  # the adapter's own setting has the last word
]


def settings(adapter):
    try:
        worker = Worker(adapter)
    except AdapterUnavailable as error:
        pytest.skip(str(error))
    worker.close()
    return worker.info.settings


@pytest.mark.parametrize("adapter", [row(name) for name in SHOWN])
def test_every_adapter_reports_the_settings_of_its_framework(adapter):
    reported = settings(adapter)
    assert SHOWN[adapter] <= reported.keys()
    assert all(reported.values())


@pytest.mark.numpy
def test_every_framework_has_an_adapter_here():
    packages = {registry.load(name).__module__ for name in registry.names()}
    assert packages == {registry.load(name).__module__ for name in SHOWN}


@pytest.mark.parametrize(
    ("adapter", "variable", "value", "name", "becomes"), [row(*followed, words=followed[1]) for followed in FOLLOWED]
)
def test_the_reported_setting_is_the_one_in_effect(adapter, variable, value, name, becomes, monkeypatch):
    monkeypatch.setenv(variable, value)
    reported = settings(adapter)
    assert reported[name] == becomes
    assert reported[variable] == value
