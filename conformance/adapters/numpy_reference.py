"""The reference as an adapter. For half precisions it computes in float32 and rounds once, at the end."""

from __future__ import annotations

from typing import get_args

import numpy as np

from conformance.adapters.base import Adapter, Model
from conformance.adapters.capabilities import ActivationSupport, Capabilities, any_of
from conformance.adapters.settings import of_numpy
from conformance.case.dtypes import DTypeName
from conformance.case.model import Case
from conformance.case.option_table import EVERY_OPTION
from conformance.case.options import DEFAULTS, Direction
from conformance.case.tensors import Array, Arrays, Inputs, Outputs, Weights
from conformance.lstm.activations import FUNCTIONS
from conformance.lstm.gradients import reference_of

_ALL = any_of(*FUNCTIONS)


class NumpyReference(Adapter):
    """conformance.lstm.reference in the case's own dtype."""

    name = "numpy"
    capabilities = Capabilities(
        **EVERY_OPTION,
        lengths_via=frozenset({"argument"}),
        dtypes=frozenset(get_args(DTypeName)),
        directions=frozenset(get_args(Direction)),
        lengths="each",
        min_length=0,
        activations=ActivationSupport(_ALL, _ALL, _ALL, per_direction=True, defaults=frozenset(DEFAULTS)),
    )

    @property
    def versions(self) -> dict[str, str]:
        """NumPy's version."""
        return {"numpy": np.__version__}

    @property
    def settings(self) -> dict[str, str]:
        """NumPy's BLAS and instruction sets."""
        return of_numpy()

    def prepare(self, case: Case, weights: Weights) -> Model:
        """The reference with these weights."""
        working = np.dtype(np.float64 if case.dtype == "float64" else np.float32)

        def cast(array: Array) -> Array:
            return array.astype(working)

        wide = weights.mapped(cast)

        def model(inputs: Inputs) -> Outputs:
            outputs = reference_of(case).run(Arrays(wide, inputs.mapped(cast)))
            return {name: array.astype(case.np_dtype) for name, array in outputs.items()}

        return model
