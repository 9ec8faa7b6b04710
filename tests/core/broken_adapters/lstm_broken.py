"""Adapters that misbehave. `Broken` does, in cases of the family `broken`, what the name of the case says."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
from lstm_broken_ways import WAYS

from conformance.adapters.base import Model
from conformance.adapters.numpy_reference import NumpyReference
from conformance.case.model import Case
from conformance.case.tensors import Weights
from conformance.lstm import activations


class Broken(NumpyReference):
    """Right, in float32 only, but for what is asked of it."""

    name = "broken"
    capabilities = replace(NumpyReference.capabilities, dtypes=frozenset({"float32"}))
    way = ""

    @property
    def versions(self):
        return {"lstm-broken": "1.5", "numpy": np.__version__}

    def prepare(self, case: Case, weights: Weights) -> Model:
        model = super().prepare(case, weights)
        family, _, self.way = case.id.partition("/")
        if family != "broken":
            return model
        return lambda inputs: WAYS.get(self.way, WAYS["right"])(model, inputs)

    def precision(self, dtype):
        return {"coarse": "bfloat16", "unknown-precision": "float8"}.get(self.way, dtype)

    def padded_y(self, case):
        return {"carries": "last", "unknown-padding": "garbage"}.get(self.way, "zeros")

    def empty_rows(self, case):
        return {"empties": "zeros", "unknown-empty-rows": "garbage"}.get(self.way, "initial")


class TanhOff(NumpyReference):
    """Every tanh is 1e-5 too large: what a fast approximation in a framework looks like."""

    name = "tanh-off"

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        activations.FUNCTIONS["tanh"] = lambda z, alpha, beta: np.tanh(z) * (1 + 1e-5)


class CountsStarts(NumpyReference):
    """Right; each time it is made it writes to a file its process, and how many of the earlier ones still live."""

    name = "counts-starts"

    def __init__(self, device: str = "cpu") -> None:
        file = Path(os.environ["LSTM_BROKEN_STARTS"])
        earlier = [line.split()[0] for line in file.read_text().splitlines()] if file.exists() else []
        alive = sum(Path(f"/proc/{pid}").exists() for pid in earlier)
        with file.open("a") as lines:
            lines.write(f"{os.getpid()} {alive}\n")
        super().__init__(device)


class Noting(Broken):
    """Broken; writes to a file the process that makes it, and each case as it begins with it."""

    name = "noting"

    def __init__(self, device: str = "cpu") -> None:
        self.note(f"start {os.getpid()}")
        super().__init__(device)

    def prepare(self, case: Case, weights: Weights) -> Model:
        self.note(case.id)
        return super().prepare(case, weights)

    def note(self, text: str) -> None:
        with Path(os.environ["LSTM_BROKEN_NOTES"]).open("a") as notes:
            notes.write(f"{text}\n")


class LoadsOnce(Noting):
    """Noting; loads but once."""

    name = "loads-once"

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        if Path(os.environ["LSTM_BROKEN_NOTES"]).read_text().count("start") > 1:
            raise RuntimeError("device lost")
