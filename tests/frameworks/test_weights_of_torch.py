"""Files that torch wrote: state_dicts are read, by weights only; what would execute is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conformance.convert.moving import Request, carried_out
from conformance.files import FileError
from conformance.weights.finding import find
from conformance.weights.reading import read

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch")


def problem(path: Path) -> str:
    with pytest.raises(FileError) as raised:
        read(path)
    assert "\n" not in str(raised.value)
    return raised.value.problem


def test_the_lstms_of_a_checkpoint_are_found_with_their_prefix_and_their_weights(torch: Any, tmp_path: Path) -> None:
    module = torch.nn.LSTM(3, 5, 2, bidirectional=True, proj_size=2)
    torch.save({"epoch": 3, "state_dict": {f"rnn.{n}": p for n, p in module.state_dict().items()}}, tmp_path / "w.pt")
    (layer,) = find(read(tmp_path / "w.pt")).layers
    assert layer.where == "state_dict.rnn" and layer.summary() == "I=3 H=5 P=2 L=2 bidirectional f32"
    found = layer.weights.rows[3].W.reshape(20, 4)
    assert np.array_equal(found, module.weight_ih_l1_reverse.detach().numpy())


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_every_dtype_is_read_and_written_as_it_is(torch: Any, dtype: str, tmp_path: Path) -> None:
    torch.save(torch.nn.LSTM(2, 3, dtype=getattr(torch, dtype)).state_dict(), tmp_path / "a.pt")
    carried_out(Request(tmp_path / "a.pt", tmp_path / "b.npz", write_as="keras", dtype=None))
    carried_out(Request(tmp_path / "a.pt", tmp_path / "c.pt"))
    before, after = (torch.load(tmp_path / name, weights_only=True) for name in ("a.pt", "c.pt"))
    assert before.keys() == after.keys()
    assert all(torch.equal(before[n], after[n]) and before[n].dtype == after[n].dtype for n in before)
    assert find(read(tmp_path / "b.npz")).layers[0].dtype == dtype


def test_a_converted_state_dict_loads_into_the_module(torch: Any, tmp_path: Path) -> None:
    torch.save(torch.nn.LSTMCell(3, 4).state_dict(), tmp_path / "a.pt")
    carried_out(Request(tmp_path / "a.pt", tmp_path / "b.pt"))
    torch.nn.LSTM(3, 4).load_state_dict(torch.load(tmp_path / "b.pt", weights_only=True), strict=True)


def test_a_whole_module_is_refused(torch: Any, tmp_path: Path) -> None:
    torch.save(torch.nn.LSTM(2, 3), tmp_path / "w.pt")
    assert "it is a pickle of more than tensors (torch.nn.modules.rnn.LSTM)" in problem(tmp_path / "w.pt")


def test_a_view_that_is_larger_than_what_it_views_is_refused(torch: Any, tmp_path: Path) -> None:
    torch.save({"w": torch.zeros(1).expand(2**30)}, tmp_path / "w.pt")
    assert problem(tmp_path / "w.pt") == "its tensors take more than 1024 MiB, the most that are read"


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("part", [0.3, 0.9])
def test_a_truncated_file_is_refused(torch: Any, zipped: bool, part: float, tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    torch.save(torch.nn.LSTM(2, 3).state_dict(), path, _use_new_zipfile_serialization=zipped)
    assert len(read(path).tensors) == 4
    data = path.read_bytes()
    path.write_bytes(data[: int(part * len(data))])
    assert problem(path)


def test_a_file_without_tensors_and_one_that_is_nested_too_deep_are_refused(torch: Any, tmp_path: Path) -> None:
    torch.save({"epoch": 3}, tmp_path / "w.pt")
    assert "no tensors" in problem(tmp_path / "w.pt")
    nested: Any = torch.zeros(2)
    for _ in range(10):
        nested = {"more": nested}
    torch.save(nested, tmp_path / "w.pt")
    assert "nested more than 8 deep" in problem(tmp_path / "w.pt")
