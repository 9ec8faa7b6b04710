"""The moves of docs/convert.md print what stands there, and give the weights back."""

import re
from pathlib import Path
from typing import Any

import pytest
from command_line import conformance
from documents import ROOT, blocks

pytestmark = pytest.mark.export
PAGE = ROOT / "docs" / "convert.md"


@pytest.fixture
def torch() -> Any:
    for package in ("keras", "onnxruntime", "ai_edge_litert", "h5py"):
        pytest.importorskip(package)
    return pytest.importorskip("torch")


def without_numbers(line: str) -> str:
    """A line without versions, noise and errors, which are this machine's."""
    line = re.sub(r"(?<= )\d+\.\d+\.\d+\S*(?=: noise)", "VERSION", line)
    return re.sub(r"(noise |at most |, |exact; |sum; )\d[\d.e-]*", r"\1NUMBER", line)


def test_the_moves_print_what_the_page_says(torch: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(5)
    module = torch.nn.LSTM(3, 4, 2, bidirectional=True)
    for name, value in module.named_parameters():  # so that not every sum of two is exact
        if name.startswith("bias"):
            torch.nn.init.normal_(value)
    torch.save({f"encoder.rnn.{name}": value for name, value in module.state_dict().items()}, "model.pt")
    cell = torch.nn.LSTM(3, 4)
    torch.nn.init.zeros_(cell.bias_hh_l0)
    torch.save(cell.state_dict(), "cell.pt")
    for text in blocks(PAGE, "text"):
        for move in text.removeprefix("$ ").split("\n$ "):
            command, *lines = move.splitlines()
            done = conformance(*command.split()[1:])
            assert done.exit_code == 0, done.output
            assert [*map(without_numbers, done.output.splitlines())] == [*map(without_numbers, lines)], command
    before, after = (torch.load(name, weights_only=True) for name in ("cell.pt", "back.pt"))
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)
