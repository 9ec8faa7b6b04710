"""What is particular to OpenVINO: the reasons for what its adapters refuse."""

from __future__ import annotations

import pytest
from agreement import adapter_of, question

pytestmark = pytest.mark.openvino


@pytest.mark.parametrize("name", ["softsign", "softplus", "linear"])
def test_it_has_no_other_activations(name: str) -> None:
    asked = question({"activations": {"cell": name}})
    with pytest.raises(RuntimeError, match="Unknown activation function"):
        adapter_of("openvino").prepare(asked.case, asked.arrays.weights)(asked.arrays.inputs)


def test_its_version_is_that_of_a_release() -> None:
    versions = adapter_of("openvino").versions
    assert versions == adapter_of("openvino-static").versions
    assert all(part.isdigit() for part in versions["openvino"].split("."))
