"""A function of the user's as an adapter: it asks for weights and inputs by the names of its parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from conformance.adapters.base import Adapter, EmptyRows, Model, PaddedY, zeros_if_absent
from conformance.adapters.capabilities import Capabilities
from conformance.api.layouts import LAYOUTS, in_layout
from conformance.api.told import Told, arguments_for, demand_offered, parameters_of
from conformance.case.errors import ConformanceError, UnsupportedOption
from conformance.case.model import Case
from conformance.case.tensors import Array, Inputs, Outputs, Weights

EVERY_DTYPE = frozenset({"float16", "bfloat16", "float32", "float64"})
OFFERED = ("weights", "x", "h0", "c0", "lengths", "mask", "dy", "dh_n", "dc_n", "targets", "case")


class OwnFunction(Adapter):
    """A function of those of `weights` (by name, in the layout), `x`, `h0`, `c0`, `lengths`, `mask`, `case` it names.

    x is (T, B, I), or (B, T, I) with batch_first; so is y. What the case does not have (h0, c0, lengths, mask) is
    left out if the parameter has a default, else it is zeros, T for every row, all True. It returns
    (y, (h_n, c_n)), (y, h_n, c_n), or a dict by the names of `case.golden`.
    """

    told: ClassVar[Told]
    function: ClassVar[Callable[..., Any]]
    cases: ClassVar[Mapping[str, Any]]

    @classmethod
    def plain(cls, function: Any, told: Told) -> Capabilities:
        """What a function is taken to accept: one forward layer; lengths and holes if it has a parameter for them."""
        demand_offered(function, OFFERED, told.name)
        names = set(parameters_of(function))
        return Capabilities(
            dtypes=EVERY_DTYPE,
            max_layers=1,
            lengths="each" if names & {"lengths", "mask"} else "none",
            min_length=0,
            holes="mask" in names,
            batch_major=bool(told.batch_first),
            head=False,
        )

    @property
    def versions(self) -> dict[str, str]:
        """NumPy's version; what else the function uses is its own affair."""
        return {"numpy": np.__version__}

    def prepare(self, case: Case, weights: Weights) -> Model:
        """The function, with these weights in its layout."""
        function, told = type(self).__dict__["function"], self.told
        own = LAYOUTS["torch"] if told.layout is None else told.layout
        names = parameters_of(function)
        for name in ("h0", "c0"):
            if getattr(case, name) is not None and name not in names:
                raise UnsupportedOption(f"{told.name} takes no {name}")
        if case.skip is not None and "mask" not in names:
            raise UnsupportedOption(f"{told.name} takes no mask")
        batch_first = bool(told.batch_first)

        def model(inputs: Inputs) -> Outputs:
            lengths_known = inputs.lengths is None or {"lengths", "mask"} & set(names)
            if not lengths_known:
                raise UnsupportedOption(f"{told.name} takes no lengths")
            offered = offer(case, inputs, batch_first) | {
                "weights": in_layout(own, case, weights),
                "case": self.cases[case.id],
            }
            given = arguments_for(function, offered, absent(case, inputs, batch_first), told.name)
            return canonical(case, told, function(**given), batch_first)

        return model

    def padded_y(self, case: Case) -> PaddedY:
        """As the user says."""
        return self.told.padded_y or "zeros"

    def empty_rows(self, case: Case) -> EmptyRows:
        """As the user says."""
        return self.told.empty_rows


def offer(case: Case, inputs: Inputs, batch_first: bool) -> dict[str, Any]:
    """The inputs by name, each a copy, or None for what there is not; x and mask in the order of axes asked for."""
    found = {name: None if (array := getattr(inputs, name)) is None else array.copy() for name in OFFERED[1:-1]}
    if inputs.mask is None and inputs.lengths is not None:
        found["mask"] = np.arange(inputs.x.shape[0])[:, None] < inputs.lengths
    if batch_first:
        for name in ("x", "mask", "dy"):
            if (array := found[name]) is not None:
                found[name] = np.ascontiguousarray(array.swapaxes(0, 1))
    return found


def absent(case: Case, inputs: Inputs, batch_first: bool) -> dict[str, Callable[[], Array]]:
    """What stands for an input that there is not, for a parameter that has no default."""
    steps, rows = inputs.x.shape[:2]
    return {
        "h0": lambda: zeros_if_absent(case, inputs)[0],
        "c0": lambda: zeros_if_absent(case, inputs)[1],
        "lengths": lambda: np.full(rows, steps),
        "mask": lambda: np.ones((rows, steps) if batch_first else (steps, rows), bool),
    }


def canonical(case: Case, told: Told, result: Any, batch_first: bool) -> Outputs:
    """What a function or a layer returned, by canonical names and axes.

    Raises:
        ConformanceError: it is none of the forms that are taken.
    """
    if isinstance(result, Mapping):
        found = dict(result)
    else:
        found = dict(zip(("y", "h_n", "c_n"), three(result, told.name), strict=True))
    arrays = {name: as_numpy(value) for name, value in found.items()}
    if batch_first:
        per_step = {n: arrays[n] for n in ("y", "d_x") if isinstance(arrays.get(n), np.ndarray) and arrays[n].ndim == 3}
        arrays |= {name: np.ascontiguousarray(array.swapaxes(0, 1)) for name, array in per_step.items()}
    for name in ("h_n", "c_n"):
        array = arrays.get(name)
        if not isinstance(array, np.ndarray) or array.ndim != 2:
            continue
        if told.layer_axis:
            raise ConformanceError(
                f"{told.name} returned {name} of shape {array.shape}, needed is {case.outputs[name]}; if its states "
                "have no axis of layers and directions, say layer_axis=False"
            )
        arrays[name] = array[None]
    return arrays


def three(result: Any, name: str) -> tuple[Any, Any, Any]:
    """y, h_n and c_n of what was returned.

    Raises:
        ConformanceError: it is not of that form.
    """
    if isinstance(result, (tuple, list)):
        if len(result) == 2 and isinstance(result[1], (tuple, list)) and len(result[1]) == 2:
            return result[0], result[1][0], result[1][1]
        if len(result) == 3:
            return result[0], result[1], result[2]
    parts = f" of {len(result)}" if isinstance(result, (tuple, list)) else ""
    raise ConformanceError(
        f"{name} returned a {type(result).__name__}{parts}; y and both final states are judged, so it must be "
        "(y, (h_n, c_n)), (y, h_n, c_n), or a dict of outputs by name"
    )


def as_numpy(value: Any) -> Any:
    """The NumPy array of a framework's tensor; what is not a tensor stays, and the judge names it."""
    if isinstance(value, np.ndarray):
        return value
    if hasattr(value, "detach"):
        from conformance.adapters.torch_module import to_numpy

        return to_numpy(value)
    return np.array(value) if hasattr(value, "__array__") else value
