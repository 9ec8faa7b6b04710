"""The tensors of a case: weights, inputs, lengths, masks, and now and then a NaN or an infinity among them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np

from conformance.case.model import Case
from conformance.case.tensors import Array, Arrays, Inputs, Weights
from conformance.fuzz import magnitudes
from conformance.fuzz.moods import POISONED, QUIET

_POISONED = 0.01


def generator_of(seed: int, number: int) -> np.random.Generator:
    """The numbers of a layer of a seed; the same on any machine."""
    key = hashlib.sha256(f"fuzz:{seed}:{number}".encode()).digest()[:16]
    return np.random.Generator(np.random.Philox(key=int.from_bytes(key, "little")))


def weights_of(case: Case, mood: str, generator: np.random.Generator, random: Random) -> Weights:
    """The weights of a layer, whose case is that of its first question."""
    kinds = magnitudes.QUIET_WEIGHTS if mood == QUIET else magnitudes.OF_WEIGHTS
    chosen, fill = magnitudes.drawn(random, kinds)
    _, bias = magnitudes.drawn(random, magnitudes.QUIET_BIASES if mood == QUIET else magnitudes.OF_WEIGHTS)
    tensors = {
        name: magnitudes.numbers(
            case, generator, bias if name.startswith("b") else fill, shape, scaled=chosen not in ("whole", "subnormal")
        )
        for name, shape in case.weight_shapes.items()
    }
    return Weights.from_tensors(tensors)


def inputs_of(case: Case, mood: str, generator: np.random.Generator, random: Random) -> Inputs:
    """The inputs of a question, with padding where steps are left out."""
    kinds = magnitudes.QUIET_INPUTS if mood == QUIET else magnitudes.OF_INPUTS
    _, common = magnitudes.drawn(random, kinds)
    given: dict[str, Array] = {}
    for name, shape in case.input_shapes.items():
        fill = common if random.random() < 0.7 else magnitudes.drawn(random, kinds)[1]
        given[name] = magnitudes.numbers(case, generator, fill, shape)
    if case.lengths is not None:
        given["lengths"] = np.array(case.lengths, np.int64)
    mask = _mask(case) if case.masked else None
    if mask is not None:
        given["x"][~mask] = np.asarray(case.padding).astype(case.np_dtype)
        if case.skip is not None:
            given["mask"] = mask
        if "dy" in given:
            given["dy"] = np.where(mask[..., None], given["dy"], given["dy"].dtype.type(0))
    if case.targets_shape is not None and case.head is not None:
        targets = generator.integers(0, case.head.O, case.targets_shape, dtype=np.int64)
        given["targets"] = targets if mask is None else np.where(mask, targets, -1)
    return Inputs(**given)


def _mask(case: Case) -> Array:
    mask = np.zeros((case.T, case.B), np.bool_)
    for row in range(case.B):
        mask[case.valid_steps(row), row] = True
    return mask


def poison_of(mood: str, random: Random) -> float | None:
    """A NaN or an infinity to be put among the inputs; mostly None."""
    chance = 0.4 if mood == POISONED else _POISONED
    return random.choice(magnitudes.POISONS) if random.random() < chance else None


def poisoned(case: Case, arrays: Arrays, value: float, random: Random) -> tuple[Case, Arrays]:
    """One number of the inputs, at a step that counts, replaced by NaN or infinity."""
    names: Sequence[str] = [name for name, shape in case.input_shapes.items() if 0 not in shape]
    name = random.choice(names)
    array = getattr(arrays.inputs, name).copy()
    at = tuple(random.randrange(size) for size in array.shape)
    array[at] = value
    flat = arrays.flat | {f"inputs.{name}": array}
    return case.model_copy(update={"poison": _as_poison(name, at, value)}), Arrays.from_tensors(flat)


def _as_poison(name: str, at: tuple[int, ...], value: float) -> Any:
    from conformance.case.options import Poison

    return Poison(tensor=name, at=at, value=value)
