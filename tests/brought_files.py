"""Layers in files as people bring them, and what a check in this process makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from conformance.models.bring import bring
from conformance.models.checked import Answer, Checked
from conformance.models.checking import check_all, prove
from conformance.models.wanted import Wanted
from conformance.results.deviations import Deviation
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


SWAPPED = """
from dataclasses import replace

from conformance.adapters.numpy_reference import NumpyReference


class Swapped(NumpyReference):
    name = "swapped"

    def prepare(self, case, weights):
        order = [1, 0, 2, 3]
        rows = [replace(r, W=r.W[order], R=r.R[order], b_w=r.b_w[order], b_r=r.b_r[order]) for r in weights.rows]
        return super().prepare(case, replace(weights, rows=tuple(rows)))
"""
"""An adapter that takes the input gate for the forget gate."""
HOSTILE = "</script><img src=x onerror=alert(1)> & \"'\u202e\x1b[31m"


def checked_files(folder: Path) -> Checked:
    """A check of three files: a stack, one of layers with names that a page could take for its own, one without any.

    NumPy is right, another adapter swaps two gates, which is known of it on the stack.
    """
    weights_file(folder / "stack.safetensors", torch_tensors(layers=2, directions=2, prefix="enc."))
    weights_file(
        folder / "hostile.safetensors",
        torch_tensors(prefix=f"{HOSTILE}.") | {f"{HOSTILE}cut.weight_ih_l0": np.ones((3, 3), np.float32)},
    )
    weights_file(folder / "dense.safetensors", {"dense.weight": np.ones((3, 3), np.float32)})
    (folder / "swapped.py").write_text(SWAPPED)
    paths = [folder / f"{name}.safetensors" for name in ("stack", "hostile", "dense")]
    result = checked(folder / "suite", *paths, adapters=["numpy", f"{folder / 'swapped.py'}:Swapped"])
    known = Deviation(
        cases=("stack/*",), reason=f"the gates are swapped {HOSTILE}", versions={"numpy": ">=1"},
        link="https://example.org/swapped/1", repro="deviations/repro/swapped.py",
    )  # fmt: skip
    (file, (layer,)), *others = result.files
    answers = [replace(each, deviation=known if each.wrong else None) for each in layer.answers]
    return replace(result, files=[(file, [replace(layer, answers=answers)]), *others], absent=[f"torch: {HOSTILE}"])


def outcomes(result: Checked) -> dict[str, list[tuple[str, bool, str]]]:
    """Layer by layer: who answered, whether with the file's own node, and what came of it."""
    return {
        each.layer.name: [(a.adapter, a.own_node, a.record.outcome) for a in each.answers] for each in result.layers
    }


def answer(result: Checked, layer: str, adapter: str) -> Answer:
    """The first answer of an adapter on a layer."""
    (found,) = [each for each in result.layers if each.layer.name == layer]
    return next(each for each in found.answers if each.adapter == adapter)
