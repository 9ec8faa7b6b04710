"""Adapters for the tests of fuzzing: the reference, small enough to be quick, with one thing wrong."""

import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from conformance.adapters.base import Model
from conformance.adapters.capabilities import ActivationSupport
from conformance.adapters.numpy_reference import NumpyReference
from conformance.case.model import Case
from conformance.case.tensors import Arrays, Weights
from conformance.lstm.mistakes import BY_ID

PLAIN = replace(
    NumpyReference.capabilities,
    dtypes=frozenset({"float32"}),
    gradients=frozenset(),
    cross_entropy=False,
    softmax=False,
    layer_norm=frozenset(),
    blocks=False,
    activations=ActivationSupport(),
)


class Right(NumpyReference):
    name = "right"
    capabilities = PLAIN


class Mistaken(Right):
    """Makes a mistake of the catalogue."""

    mistake = "lengths-ignored"

    def prepare(self, case: Case, weights: Weights) -> Model:
        mistake = BY_ID[self.mistake]

        def model(inputs):
            rows = inputs.x.shape[1]
            lengths = None if inputs.lengths is None else tuple(inputs.lengths.tolist())
            asked = case.model_copy(update={"T": len(inputs.x), "B": rows, "lengths": lengths, "calls": None})
            outputs = mistake.outputs(asked.model_copy(update={"blocks": None}), Arrays(weights, inputs))
            return {name: array.astype(case.np_dtype) for name, array in outputs.items()}

        return model if mistake.applies(case) else super().prepare(case, weights)


class NoLengths(Mistaken):
    name = "no-lengths"


class Noting(Mistaken):
    """Appends its process to the file that NOTES names, for each layer."""

    name = "noting"

    def prepare(self, case: Case, weights: Weights) -> Model:
        with Path(os.environ["NOTES"]).open("a", encoding="utf-8") as notes:
            notes.write(f"{os.getpid()}\n")
        return super().prepare(case, weights)


class NoPeephole(Mistaken):
    name = "no-peephole"
    mistake = "peephole-ignored"


class Aging(Right):
    """Wrong from the third call of a model on."""

    name = "aging"

    def prepare(self, case: Case, weights: Weights) -> Model:
        model, calls = super().prepare(case, weights), []

        def aging(inputs):
            calls.append(None)
            outputs = model(inputs)
            return {name: array * np.float32(1.5) for name, array in outputs.items()} if len(calls) > 2 else outputs

        return aging


class Exits(Right):
    name = "exits"

    def prepare(self, case: Case, weights: Weights) -> Model:
        model = super().prepare(case, weights)

        def exits(inputs):
            if inputs.x.shape[1] == 3:
                os._exit(3)
            return model(inputs)

        return exits


class WearsOut(Right):
    """Ends its process at the fourth layer, whatever that is."""

    name = "wears-out"

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        self._left = 3

    def prepare(self, case: Case, weights: Weights) -> Model:
        if self._left == 0:
            os._exit(4)
        self._left -= 1
        return super().prepare(case, weights)


class Hangs(Right):
    name = "hangs"

    def prepare(self, case: Case, weights: Weights) -> Model:
        model = super().prepare(case, weights)

        def hangs(inputs):
            if inputs.x.shape[1] == 5:
                time.sleep(3600)
            return model(inputs)

        return hangs


class Raises(Right):
    name = "raises"

    def prepare(self, case: Case, weights: Weights) -> Model:
        if case.peephole:
            raise RuntimeError(f"no kernel for {case.H} units")
        return super().prepare(case, weights)
