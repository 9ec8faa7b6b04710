"""What `conformance doctor` says of the adapters that are here, and of those that are not."""

import json

import numpy as np
from command_line import conformance


def test_doctor_says_what_each_adapter_has_or_lacks(two_adapters):
    result = conformance("doctor")
    assert result.exit_code == 0
    missing, present = sorted(result.output.splitlines())  # they come in the order in which they loaded
    assert missing.split(maxsplit=1) == [
        "import-fails",
        "import-fails cannot load: No module named 'a_framework_nobody_has'",
    ]
    assert present.split(maxsplit=1) == ["numpy", f"numpy {np.__version__} on cpu"]


def test_doctor_as_json_fails_for_an_adapter_asked_for_that_cannot_load(broken_adapters, monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    result = conformance("doctor", "--adapter", "numpy", "--adapter", "constructor-raises", "--json")
    assert result.exit_code == 1
    problem = "constructor-raises cannot load: RuntimeError: driver too old"
    numpy, broken = json.loads(result.output)
    settings = numpy.pop("settings")
    assert numpy == {"adapter": "numpy", "versions": {"numpy": np.__version__}, "device": "cpu", "problem": None}
    assert broken == {
        "adapter": "constructor-raises",
        "versions": {},
        "device": "",
        "settings": {},
        "problem": problem,
    }
    assert settings["OPENBLAS_CORETYPE"] == "Haswell"
    assert settings["numpy.blas"] and settings["numpy.simd"]


def test_doctor_says_what_decides_about_precision_where_asked(two_adapters):
    assert "numpy.blas" not in conformance("doctor", "--adapter", "numpy").output
    assert "numpy.blas" in conformance("doctor", "--adapter", "numpy", "-v").output
