"""An adapter whose framework has several versions; LSTM_AGING says which one is installed."""

import os

import numpy as np

from conformance.adapters.numpy_reference import NumpyReference
from conformance.case.errors import UnsupportedOption
from conformance.case.tensors import Arrays
from conformance.lstm.mistakes import BY_ID


class Aging(NumpyReference):
    name = "aging"

    def __init__(self, device="cpu"):
        super().__init__(device)
        self.release = os.environ["LSTM_AGING"]

    @property
    def versions(self):
        return {"aging": self.release, "numpy": np.__version__}

    def prepare(self, case, weights):
        exact = super().prepare(case.model_copy(update={"dtype": "float64"}), weights)
        return getattr(self, f"_{self.release}")(case, weights, exact)

    def _right(self, case, weights, exact):
        """Rounded once, at the end."""
        return lambda inputs: {name: array.astype(case.np_dtype) for name, array in exact(inputs).items()}

    def _coarser(self, case, weights, exact):
        """Right, with eight times the error of having been rounded once."""
        return lambda inputs: {
            name: (array + 8 * (array.astype(case.np_dtype) - array)).astype(case.np_dtype)
            for name, array in exact(inputs).items()
        }

    def _wrong(self, case, weights, exact):
        """Runs every row over all steps."""
        if case.lengths is None:
            return self._right(case, weights, exact)
        return lambda inputs: BY_ID["lengths-ignored"].outputs(case, Arrays(weights, inputs))

    def _crashing(self, case, weights, exact):
        if case.layers > 1:
            os.abort()
        return self._right(case, weights, exact)

    def _refusing(self, case, weights, exact):
        if case.direction == "reverse":
            raise UnsupportedOption("reverse is deprecated")
        return self._right(case, weights, exact)
