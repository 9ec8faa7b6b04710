"""What is particular to PyTorch: how its layer is set up, and the reasons for what the adapter refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from agreement import adapter_of, question

pytestmark = pytest.mark.torch


@pytest.fixture
def torch() -> Any:
    return pytest.importorskip("torch")


def test_it_gets_layout_projection_and_order(torch: Any) -> None:
    from conformance.adapters import torch_module  # which imports torch

    asked = question({"layout": "batch_major", "P": 2, "lengths": (5, 3, 2), "lengths_via": "packed-sorted"})
    module = torch_module.build(torch_module.LSTM, asked.case, asked.arrays.weights)
    assert module.layer.batch_first
    assert module.layer.proj_size == 2
    assert module(torch.zeros(3, 5, 4), torch.tensor([5, 3, 2]))[0].shape == (3, 5, 2)
    with pytest.raises(RuntimeError, match="sorted in decreasing order"):
        module(torch.zeros(3, 5, 4), torch.tensor([3, 5, 2]))


# Capabilities and other refusals repeat what the framework says about itself, so these tests check that it still does.


def test_it_projects_to_less_than_the_cell_has(torch: Any) -> None:
    with pytest.raises(ValueError, match="proj_size has to be smaller than hidden_size"):
        torch.nn.LSTM(4, 6, proj_size=6)


def test_it_packs_no_empty_batch(torch: Any) -> None:
    with pytest.raises(RuntimeError, match="Cannot pack empty tensors"):
        torch.nn.utils.rnn.pack_padded_sequence(torch.zeros(5, 0, 4), torch.zeros(0, dtype=torch.int64))


def test_it_takes_no_length_of_zero() -> None:
    asked = question({"lengths": (3, 5, 2)})
    model = adapter_of("torch").prepare(asked.case, asked.arrays.weights)
    with pytest.raises(RuntimeError, match="greater than 0"):
        model(replace(asked.arrays.inputs, lengths=np.array([0, 5, 2])))
