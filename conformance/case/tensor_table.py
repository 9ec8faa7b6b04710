"""The tensors of an LSTM in one table: the fields of the dataclasses that hold them.

A field of `LayerWeights`, `Weights` or `Inputs` describes its tensor: the names of its axes, when a case has it, where
its numbers come from if the spec does not say. Shapes, sources, lint, layouts, `conformance smoke` and everything that
treats all tensors alike are derived from it, so a new tensor is a new field here.

Axes: T steps, B batch rows, I the layer's input size, H, P the size of h, O outputs of the head, L*D layers times
directions, D*P; an axis of gates is named after its gates, `ifgo` or `ifo`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Annotated, Any, Literal, TypeVar, get_args, get_type_hints

from conformance.case.dtypes import Array
from conformance.case.options import PeepholeReading
from conformance.case.source import Source, Uniform

Keys = dict[str, Any]
"""Keys of a case, as in a spec."""

_SIZES: dict[str, Callable[[Any, int], int]] = {
    "T": lambda case, layer: case.T,
    "B": lambda case, layer: case.B,
    "I": lambda case, layer: case.input_size(layer),
    "H": lambda case, layer: case.H,
    "P": lambda case, layer: case.output_size,
    "O": lambda case, layer: case.head.O,
    "L*D": lambda case, layer: case.layers * case.D,
    "D*P": lambda case, layer: case.D * case.output_size,
}


def _size_of(axis: str) -> Callable[[Any, int], int]:
    gates = len(axis)
    return _SIZES.get(axis, lambda case, layer: gates)


@dataclass(frozen=True)
class Tensor:
    """One row of the table.

    axes: their names. present: whether a case has it. source: where its numbers come from if the spec does not say.
    kind: what lint demands: a `weight` must not be constant, a `bias` must not be zero. cotangent: whether it is
    dL/d(an output). tried_with: keys that give a case the tensor; `conformance smoke` uses the first of these that an
    interface accepts. ignored: the mistake of leaving it out.
    """

    axes: str
    present: Callable[[Any], bool]
    source: Source
    kind: Literal["weight", "bias", "norm", "input"] = "weight"
    cotangent: bool = False
    tried_with: tuple[Keys, ...] = ({},)
    ignored: str | None = None

    @property
    def gates(self) -> str:
        """The gates of its first axis; "" if that is not an axis of gates."""
        first = self.axes.split()[0]
        return "" if first in _SIZES else first

    @property
    def is_matrix(self) -> bool:
        """Whether it multiplies vectors: whether it has two axes besides one of gates."""
        return self.kind == "weight" and len(self.axes.split()) - bool(self.gates) == 2

    @cached_property
    def _sizes(self) -> list[Callable[[Any, int], int]]:
        return [_size_of(axis) for axis in self.axes.split()]

    def __str__(self) -> str:
        return f"({', '.join(self.axes.split())})"

    def shape(self, case: Any, layer: int = 0) -> tuple[int, ...]:
        """Its shape in one layer of a case (conformance.case.fields)."""
        return tuple([size(case, layer) for size in self._sizes])


_MATRIX = Source(uniform=Uniform(gain=1.5))
_STATE = Source(uniform=Uniform(low=-1.0, high=1.0))
_BIAS = Source(uniform=Uniform(low=-1.0, high=1.0, grid=20))
_GAIN = Source(uniform=Uniform(low=0.5, high=1.5))
_X = Source(uniform=Uniform(low=-2.0, high=2.0))

WIDE: Keys = {"c0": {"uniform": {"low": -3.0, "high": 3.0}}}
"""Cell states large enough for a clip to bound, and for it to matter which of them a gate looks at."""
PEEPHOLE: dict[str, Keys] = {
    reading: WIDE | {"peephole": True, "output_peephole": reading} for reading in get_args(PeepholeReading)
}
"""Reading of the output peephole -> keys of a case with peepholes that see large cell states."""
_PROJECTION: tuple[Keys, ...] = ({"P": 2, "projection_bias": True}, {"P": 2})
_NORM: tuple[Keys, ...] = ({"bias": False, "layer_norm": "basic-lstm-cell"}, {"bias": False, "layer_norm": "nnapi"})
_HEAD: tuple[Keys, ...] = ({"head": {"O": 2}},)


def _always(case: Any) -> bool:
    return True


def _given(name: str) -> Callable[[Any], bool]:
    """Whether the case has this key, with a value other than null or false."""

    def given(case: Any) -> bool:
        value = getattr(case, name)
        return value is not None and value is not False  # `in (None, False)` would compare whole models

    return given


def _basic_norm(case: Any) -> bool:
    return bool(case.layer_norm == "basic-lstm-cell")


def _cotangent(name: str) -> Callable[[Any], bool]:
    return lambda case: case.gradients is not None and not case.cross_entropy and getattr(case, name) is not None


Maybe = Array | None


@dataclass(frozen=True)
class LayerWeights:
    """Weights of one layer in one direction; None where the case has none."""

    W: Annotated[Array, Tensor("ifgo H I", _always, _MATRIX)]
    R: Annotated[Array, Tensor("ifgo H P", _always, _MATRIX)]
    b_w: Annotated[Maybe, Tensor("ifgo H", _given("bias"), _BIAS, "bias", ignored="input-bias-ignored")] = None
    b_r: Annotated[Maybe, Tensor("ifgo H", _given("bias"), _BIAS, "bias", ignored="recurrent-bias-ignored")] = None
    peephole: Annotated[
        Maybe,
        Tensor(
            *("ifo H", _given("peephole"), _STATE),
            tried_with=tuple(PEEPHOLE.values()),
            ignored="peephole-ignored",
        ),
    ] = None
    projection: Annotated[
        Maybe, Tensor("P H", _given("P"), _MATRIX, tried_with=_PROJECTION, ignored="projection-ignored")
    ] = None
    projection_bias: Annotated[
        Maybe,
        Tensor(
            *("P", _given("projection_bias"), _BIAS, "bias"),
            tried_with=_PROJECTION[:1],
            ignored="projection-bias-ignored",
        ),
    ] = None
    gamma: Annotated[Maybe, Tensor("ifgo H", _given("layer_norm"), _GAIN, "norm", tried_with=_NORM)] = None
    beta: Annotated[Maybe, Tensor("ifgo H", _basic_norm, _BIAS, "norm", tried_with=_NORM[:1])] = None
    gamma_cell: Annotated[Maybe, Tensor("H", _basic_norm, _GAIN, "norm", tried_with=_NORM[:1])] = None
    beta_cell: Annotated[Maybe, Tensor("H", _basic_norm, _BIAS, "norm", tried_with=_NORM[:1])] = None

    @property
    def bias(self) -> Array:
        """b_w + b_r (4, H), summed in float64 and rounded once to the dtype of W; zeros without biases."""
        import numpy as np

        if self.b_w is None or self.b_r is None:
            return np.zeros(self.W.shape[:2], self.W.dtype)
        return (self.b_w.astype(np.float64) + self.b_r.astype(np.float64)).astype(self.W.dtype)

    def mapped(self, change: Callable[[Array], Array]) -> LayerWeights:
        """The same with `change` applied to each tensor that there is."""
        return _mapped(self, LAYER_WEIGHTS, change)


@dataclass(frozen=True)
class Weights:
    """`rows[layer * D + direction]`, and the head's `W_y` (O, D*P) and `b_y` (O) where there is one."""

    rows: tuple[LayerWeights, ...]
    W_y: Annotated[Maybe, Tensor("O D*P", _given("head"), _MATRIX, tried_with=_HEAD)] = None
    b_y: Annotated[Maybe, Tensor("O", _given("head"), _BIAS, "bias", tried_with=_HEAD, ignored="head-bias-ignored")] = (
        None
    )

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Array]) -> Weights:
        """From the flat names of `Case.weight_shapes`: `W.0`, `R.0`, ..., `W_y`, `b_y`."""
        rows: dict[int, dict[str, Array]] = {}
        for name, array in tensors.items():
            kind, dot, row = name.partition(".")
            if dot:
                rows.setdefault(int(row), {})[kind] = array
        head = {name: tensors[name] for name in HEAD_WEIGHTS if name in tensors}
        return cls(tuple(LayerWeights(**rows[row]) for row in sorted(rows)), **head)

    @property
    def flat(self) -> dict[str, Array]:
        """By their flat names, row by row and the head last."""
        found = {f"{name}.{row}": getattr(w, name) for row, w in enumerate(self.rows) for name in LAYER_WEIGHTS}
        found |= {name: getattr(self, name) for name in HEAD_WEIGHTS}
        return {name: array for name, array in found.items() if array is not None}

    def mapped(self, change: Callable[[Array], Array]) -> Weights:
        """The same with `change` applied to each tensor that there is."""
        head = _mapped(self, HEAD_WEIGHTS, change)
        return replace(head, rows=tuple(row.mapped(change) for row in self.rows))


@dataclass(frozen=True)
class Inputs:
    """x (T, B, I); lengths (B,) int64 or None for all T; h0 and c0 None for zeros.

    mask (T, B), False at the steps a row leaves out: present if there are holes, and then covers the lengths too.
    targets (T, B) or (B,) int64, -1 at steps a row leaves out. dy, dh_n, dc_n: dL/dy, ..., for the gradients of a loss
    that is not part of the case; None for zeros.
    """

    x: Annotated[Array, Tensor("T B I", _always, _X, "input")]
    lengths: Maybe = None
    mask: Maybe = None
    h0: Annotated[Maybe, Tensor("L*D B P", _given("h0"), _STATE, "input", ignored="initial-h-ignored")] = None
    c0: Annotated[Maybe, Tensor("L*D B H", _given("c0"), _STATE, "input", ignored="initial-c-ignored")] = None
    targets: Maybe = None
    dy: Annotated[Maybe, Tensor("T B D*P", _cotangent("dy"), _STATE, "input", cotangent=True)] = None
    dh_n: Annotated[
        Maybe,
        Tensor(
            *("L*D B P", _cotangent("dh_n"), _STATE, "input"),
            cotangent=True,
            ignored="gradient-of-final-state-ignored",
        ),
    ] = None
    dc_n: Annotated[
        Maybe,
        Tensor(
            *("L*D B H", _cotangent("dc_n"), _STATE, "input"), cotangent=True, ignored="gradient-of-final-cell-ignored"
        ),
    ] = None

    @property
    def flat(self) -> dict[str, Array]:
        """The tensors that are present, by name."""
        found = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: array for name, array in found.items() if array is not None}

    def block(self, steps: slice) -> Inputs:
        """The inputs of consecutive steps: their x, and for each row the part of its length within them, at least 0."""
        if self.lengths is None:
            return replace(self, x=self.x[steps])
        return replace(self, x=self.x[steps], lengths=(self.lengths - steps.start).clip(0, steps.stop - steps.start))

    def mapped(self, change: Callable[[Array], Array]) -> Inputs:
        """The same with `change` applied to each tensor of real numbers: not to lengths, mask and targets."""
        return _mapped(self, INPUTS, change)


_Held = TypeVar("_Held", LayerWeights, Weights, Inputs)


def _mapped(held: _Held, names: Mapping[str, Tensor], change: Callable[[Array], Array]) -> _Held:
    given = {name: getattr(held, name) for name in names}
    changed: dict[str, Any] = {name: change(array) for name, array in given.items() if array is not None}
    return replace(held, **changed)


def _table(holder: type) -> dict[str, Tensor]:
    hints = get_type_hints(holder, include_extras=True)
    return {name: hint.__metadata__[0] for name, hint in hints.items() if hasattr(hint, "__metadata__")}


LAYER_WEIGHTS = _table(LayerWeights)
"""The weights that each layer has in each direction."""
HEAD_WEIGHTS = _table(Weights)
INPUTS = _table(Inputs)
"""The inputs that hold real numbers: not lengths, mask and targets."""
COTANGENTS = tuple(name for name, tensor in INPUTS.items() if tensor.cotangent)
"""The inputs dL/dy, dL/dh_n and dL/dc_n of a loss that is not part of the case, shaped like y, h_n and c_n."""
BY_GATE = tuple(name for name, tensor in LAYER_WEIGHTS.items() if tensor.gates == "ifgo")
"""The weights whose first axis has all four gates."""


def default_of(name: str) -> Source:
    """Where a tensor's numbers come from if the spec does not say."""
    return (LAYER_WEIGHTS | HEAD_WEIGHTS | INPUTS)[name].source
