"""Layers in files as people bring them, and what a check in this process makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from conformance.models.bring import bring
from conformance.models.checked import Answer, Checked
from conformance.models.checking import check_all, prove
from conformance.models.wanted import Wanted
from conformance.run.settings import RunSettings

H, I = 5, 3


def torch_tensors(layers: int = 1, directions: int = 1, seed: int = 3, prefix: str = "") -> dict[str, Any]:
    """A state_dict of torch.nn.LSTM."""
    random = np.random.default_rng(seed)
    found = {}
    for layer in range(layers):
        for suffix in ("", "_reverse")[:directions]:
            given = I if layer == 0 else directions * H
            shapes = {"weight_ih": (4 * H, given), "weight_hh": (4 * H, H), "bias_ih": (4 * H,), "bias_hh": (4 * H,)}
            for name, shape in shapes.items():
                found[f"{prefix}{name}_l{layer}{suffix}"] = random.normal(size=shape).astype(np.float32)
    return found


def weights_file(path: Path, tensors: Mapping[str, Any] | None = None) -> Path:
    """A safetensors file; of one layer of torch's if nothing is said."""
    safetensors.numpy.save_file(dict(torch_tensors() if tensors is None else tensors), path)
    return path


def checked(folder: Path, *paths: Path, adapters: list[str], given: Path | None = None, **wanted: Any) -> Checked:
    """A check with adapters in this process."""
    made = prove(folder, [bring(path, Wanted(**wanted), given) for path in paths])
    return check_all(made, adapters, folder, RunSettings(in_process=True), lambda told: None)


def outcomes(result: Checked) -> dict[str, list[tuple[str, bool, str]]]:
    """Layer by layer: who answered, whether with the file's own node, and what came of it."""
    return {
        each.layer.name: [(a.adapter, a.own_node, a.record.outcome) for a in each.answers] for each in result.layers
    }


def answer(result: Checked, layer: str, adapter: str) -> Answer:
    """The first answer of an adapter on a layer."""
    (found,) = [each for each in result.layers if each.layer.name == layer]
    return next(each for each in found.answers if each.adapter == adapter)
