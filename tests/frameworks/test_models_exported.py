"""LSTM layers in ONNX models as exporters write them: found with their weights, or said to be unrolled."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.export
torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from conformance.models.bring import bring  # noqa: E402
from conformance.models.wanted import Wanted  # noqa: E402


class Stack(torch.nn.Module):
    """Two layers in both directions, batch first."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = torch.nn.LSTM(3, 5, num_layers=2, bidirectional=True, batch_first=True)

    def forward(self, x):
        return self.lstm(x)[0]


class Steps(torch.nn.Module):
    """LSTMCell, step by step."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = torch.nn.LSTMCell(3, 5)

    def forward(self, x):
        h = c = torch.zeros(2, 5)
        for t in range(3):
            h, c = self.cell(x[t], (h, c))
        return h


def exported(path: Path, module: Any, *shape: int, **how: Any) -> Path:
    torch.manual_seed(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporters, which call what they themselves have deprecated
        torch.onnx.export(module.eval(), (torch.randn(*shape),), path, input_names=["audio"], verbose=False, **how)
    return path


@pytest.mark.parametrize("folding", [True, False])
def test_layers_exported_by_torchscript(folding, tmp_path):
    """Without folding the weights reach the node through Constant, Slice, Concat and Unsqueeze."""
    module, open_sizes = Stack(), {"audio": {0: "batch", 1: "frames"}}
    path = exported(
        tmp_path / "m.onnx", module, 2, 6, 3, dynamo=False, do_constant_folding=folding, dynamic_axes=open_sizes
    )
    found = bring(path, Wanted({"frames": 9, "batch": 4}))
    assert not found.left_out
    assert [(each.keys["I"], each.keys["T"], each.keys["B"]) for each in found.layers] == [(3, 9, 4), (10, 9, 4)]
    for layer, each in enumerate(found.layers):
        for direction, suffix in enumerate(("", "_reverse")):
            expected = getattr(module.lstm, f"weight_hh_l{layer}{suffix}").detach().numpy().reshape(4, 5, 5)
            assert np.array_equal(each.weights.rows[direction].R, expected)


@pytest.mark.slow
def test_layers_exported_by_dynamo(tmp_path, capfd):
    pytest.importorskip("onnxscript")
    found = bring(exported(tmp_path / "m.onnx", Stack(), 2, 6, 3, dynamo=True), Wanted())
    assert [each.keys["I"] for each in found.layers] == [3, 10]
    assert (found.layers[0].keys["T"], found.layers[0].keys["B"]) == (6, 2)


def test_cells_exported_step_by_step_are_said_to_be_unrolled(tmp_path):
    found = bring(exported(tmp_path / "m.onnx", Steps(), 3, 2, 3, dynamo=False), Wanted())
    assert not found.layers
    ((where, why),) = found.left_out
    assert where == "the main graph"
    assert "made of single operators, 3 steps" in why
