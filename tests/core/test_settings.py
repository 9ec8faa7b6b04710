"""What decides about precision is told with the results: by the framework, and by the environment."""

from conformance.adapters.numpy_reference import NumpyReference
from conformance.run.worker import describe

SET = {
    "OMP_NUM_THREADS": "2",
    "MKL_CBWR": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "DNNL_DEFAULT_FPMATH_MODE": "BF16",
    "NPY_DISABLE_CPU_FEATURES": "AVX512F",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "NVIDIA_TF32_OVERRIDE": "0",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": "1",
    "XLA_FLAGS": "--xla_cpu_enable_fast_math=true",
    "JAX_ENABLE_X64": "1",
    "JAX_DEFAULT_MATMUL_PRECISION": "bfloat16",
    "KERAS_BACKEND": "jax",
    "CUDA_VISIBLE_DEVICES": "0",
}
OF_NO_CONSEQUENCE = {
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "KERAS_HOME": "/somewhere",
    "JAX_COMPILATION_CACHE_DIR": "/somewhere",
    "TORCH_HOME": "/somewhere",
    "HF_TOKEN": "secret",
}


def test_the_variables_that_change_numbers_are_told_and_no_others(monkeypatch):
    for name, value in (SET | OF_NO_CONSEQUENCE).items():
        monkeypatch.setenv(name, value)
    settings = describe(NumpyReference()).settings
    assert SET.items() <= settings.items()
    assert not settings.keys() & OF_NO_CONSEQUENCE.keys()


def test_a_variable_that_is_not_set_is_not_told(monkeypatch):
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    assert "OPENBLAS_CORETYPE" not in describe(NumpyReference()).settings


def test_numpy_names_its_blas_and_its_instructions():
    settings = NumpyReference().settings
    assert settings["numpy.blas"].split()[0] not in ("", "?")
    assert settings["numpy.simd"].split()


def test_an_adapter_says_what_it_likes_and_nothing_by_default():
    class Silent(NumpyReference):
        settings = super(NumpyReference, NumpyReference).settings

    class Counting(NumpyReference):
        settings = {"acme.threads": 4, "acme.fast": True}  # noqa: RUF012

    def own(adapter):
        return {name: value for name, value in describe(adapter).settings.items() if not name.isupper()}

    assert own(Silent()) == {}
    assert own(Counting()) == {"acme.threads": "4", "acme.fast": "True"}


def test_settings_that_cannot_be_read_are_no_reason_not_to_run():
    class Moved(NumpyReference):
        @property
        def settings(self):
            raise AttributeError("no attribute 'get_cpu_capability'")

    told = describe(Moved()).settings
    assert told["numpy.settings"] == """cannot be read: AttributeError("no attribute 'get_cpu_capability'")"""
