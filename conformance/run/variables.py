"""The environment variables that change a framework's numbers or its choice of kernels."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping

_NUMERIC = (
    # Threads, which decide the order of sums.
    *("OMP_*", "GOMP_*", "KMP_*", "*_NUM_THREADS", "MKL_*", "OPENBLAS_*", "BLIS_*", "VECLIB_*", "TF_NUM_*"),
    # Instructions and reduced precision of the libraries below the frameworks.
    *("ONEDNN_*", "DNNL_*", "NPY_*_CPU_FEATURES", "ATEN_CPU_CAPABILITY", "ARM_COMPUTE_*", "*TF32*"),
    *("CUBLAS_*", "CUDNN_*", "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HSA_OVERRIDE_*"),
    # The frameworks' own.
    *("TF_ENABLE_*", "TF_DISABLE_*", "TF_*DETERMINISTIC*", "TF_XLA_FLAGS", "TF_USE_LEGACY_KERAS", "XLA_FLAGS"),
    *("JAX_DEFAULT_*", "JAX_ENABLE_*", "JAX_DISABLE_*", "JAX_NUMPY_*", "JAX_PLATFORM*", "LIBTPU_INIT_ARGS"),
    *("KERAS_BACKEND", "KERAS_NNX_ENABLED", "PYTORCH_*FALLBACK", "PYTORCH_JIT*", "TORCH_*COMPILE*"),
)


def variables(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of this kind that are set in an environment."""
    return {
        name: environment[name]
        for name in sorted(environment)
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in _NUMERIC)
    }
