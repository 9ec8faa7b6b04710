"""TorchScript archives as torch writes them: every tensor as torch itself would load it, and the layers in them."""

import warnings
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch")

from conformance.models.bring import bring  # noqa: E402
from conformance.models.wanted import Wanted  # noqa: E402
from conformance.weights.reading import read  # noqa: E402


class Net(torch.nn.Module):
    """Two LSTM layers in a row, a buffer, and a parameter that is a view with strides of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = torch.nn.LSTM(3, 5, num_layers=2, bidirectional=True)
        self.head = torch.nn.Linear(10, 2)
        self.head.weight = torch.nn.Parameter(torch.randn(10, 2).t())
        self.register_buffer("scale", torch.ones(3, dtype=torch.float64))
        self.register_buffer("steps", torch.ones(3, dtype=torch.int64))

    def forward(self, x):
        return self.head(self.lstm(x * self.scale.float())[0])


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> tuple[Path, dict]:
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("jit") / "net.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the tracer, about sizes; and that torch.jit is deprecated
        made = torch.jit.trace(Net(), torch.randn(4, 2, 3))
        torch.jit.save(made, str(path))
    return path, made.state_dict()


def test_every_tensor_is_the_one_that_torch_loads(archive):
    path, expected = archive
    held = read(path)
    floats = {name: value for name, value in expected.items() if value.is_floating_point()}
    assert set(held.tensors) == set(floats)
    for name, value in floats.items():
        assert np.array_equal(held.tensors[name], value.detach().numpy()), name
    assert held.left_out == ("steps: not a dense tensor of floating-point numbers",)


def test_its_lstm_becomes_a_case(archive):
    (layer,) = bring(archive[0], Wanted()).layers
    assert layer.where == "lstm (torch)"
    assert {key: layer.keys[key] for key in ("I", "H", "layers", "direction")} == {
        "I": 3, "H": 5, "layers": 2, "direction": "bidirectional"
    }  # fmt: skip
