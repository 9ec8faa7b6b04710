"""Reads the framework settings that affect precision and the choice of kernels, for `Adapter.settings`.

Each function asks the imported package, so it reports the settings in effect, whoever has set them. The names begin
with the package's, so that those of a route through several packages do not collide.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Settings = dict[str, str]


def of_numpy() -> Settings:
    """The BLAS that NumPy was built with, and the instruction sets that it found here."""
    told: dict[str, Any] = np.show_config(mode="dicts")  # type: ignore[assignment]  # with this mode it returns them
    blas = told.get("Build Dependencies", {}).get("blas", {})
    simd = told.get("SIMD Extensions", {})
    return {
        "numpy.blas": f"{blas.get('name', '?')} {blas.get('version', '?')}",
        "numpy.simd": " ".join([*simd.get("baseline", []), *simd.get("found", [])]),
    }


def of_torch(torch: Any, device: str) -> Settings:
    """PyTorch's switches for reduced precision, and those that decide its choice of kernels."""
    backends = torch.backends
    found = {"float32_matmul_precision": torch.get_float32_matmul_precision()}
    if device == "cuda":
        found |= {
            "cuda.matmul.allow_tf32": backends.cuda.matmul.allow_tf32,
            "cudnn.enabled": backends.cudnn.enabled,
            "cudnn.allow_tf32": backends.cudnn.allow_tf32,
        }
    elif device == "cpu":
        found |= {
            "mkldnn": backends.mkldnn.is_available() and backends.mkldnn.enabled,
            "cpu_capability": backends.cpu.get_cpu_capability(),
            "bf16_instructions": _has_bf16_instructions(torch),
            "threads": torch.get_num_threads(),
        }
    return _named("torch", found)


def _has_bf16_instructions(torch: Any) -> bool:
    """Whether the processor multiplies bfloat16 itself, which takes subnormal numbers for zeros."""
    ask: Any = getattr(torch.cpu, "get_capabilities", dict)  # PyTorch 2.5 has none
    return bool(ask().get("avx512_bf16", False))


def of_tensorflow(tf: Any) -> Settings:
    """TensorFlow's TF32 switch, whether it uses oneDNN, JIT and threads (0: as many as there are cores)."""
    threads = tf.config.threading
    found = {
        "tf32": tf.config.experimental.tensor_float_32_execution_enabled(),
        "jit": tf.config.optimizer.get_jit() or "off",
        "intra_op_threads": threads.get_intra_op_parallelism_threads(),
        "inter_op_threads": threads.get_inter_op_parallelism_threads(),
    }
    try:
        from tensorflow.python.util import _pywrap_util_port
    except ImportError:  # there is no public way to ask
        pass
    else:
        found["onednn"] = _pywrap_util_port.IsMklEnabled()
    return _named("tensorflow", found)


def of_jax(jax: Any) -> Settings:
    """JAX's precision of products, whether float64 is enabled, and its platform."""
    found = {
        "default_matmul_precision": jax.config.jax_default_matmul_precision or "default",
        "enable_x64": jax.config.jax_enable_x64,
        "platform": jax.default_backend(),
    }
    return _named("jax", found)


def of_keras(keras: Any) -> Settings:
    """Keras' backend, and its default dtype and policy for layers."""
    config = keras.config
    found = {"backend": config.backend(), "floatx": config.floatx(), "dtype_policy": config.dtype_policy().name}
    return _named("keras", found)


def of_openvino(core: Any) -> Settings:
    """The CPU plugin's hints and threads (0: as many as there are cores), as a model would be compiled with."""
    names = ("INFERENCE_PRECISION_HINT", "EXECUTION_MODE_HINT", "PERFORMANCE_HINT", "INFERENCE_NUM_THREADS")
    found = {name.lower(): core.get_property("CPU", name) for name in names}
    # Some of its own classes print the name of their value, others have it as an attribute.
    plain = {name: getattr(value, "name", None) or _type_name(value) for name, value in found.items()}
    capabilities = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    # By itself, too, for known deviations to name.
    plain |= {"capabilities": " ".join(capabilities), "bf16_instructions": "on" if "BF16" in capabilities else "off"}
    return _named("openvino", plain)


def _type_name(value: Any) -> Any:
    return value.get_type_name() if hasattr(value, "get_type_name") else value


def _named(package: str, found: dict[str, Any]) -> Settings:
    return {f"{package}.{name}": _word(value) for name, value in found.items()}


def _word(value: Any) -> str:
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)
