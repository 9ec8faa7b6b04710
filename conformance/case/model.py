"""`Case`: one LSTM computation, complete: shapes, options, where its numbers come from, how it is judged.

Axes (docs/equations.md): T time steps, B batch rows, I input size, H hidden size, P output size (H without a
projection), D directions, O head outputs.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator, model_validator

from conformance.case.dtypes import SHORT, DTypeName, numpy_dtype
from conformance.case.options import (
    Activations,
    Direction,
    Finite,
    Frozen,
    GateClip,
    Head,
    Listed,
    Number,
    Positive,
    Tolerance,
)
from conformance.case.source import Source, Uniform

if TYPE_CHECKING:
    import numpy as np

MEMORY_BOUND = 2 * 2**30
"""The most bytes the arrays of one case may take together; a larger case is refused when its spec is read."""

_WEIGHT = Source(uniform=Uniform(gain=1.5))
_STATE = Source(uniform=Uniform(low=-1.0, high=1.0))
_BIAS = Source(uniform=Uniform(low=-1.0, high=1.0, grid=20))


class WeightSources(Frozen):
    """A source for each weight tensor; the same source fills every layer and direction, with different numbers."""

    W: Source = _WEIGHT
    R: Source = _WEIGHT
    b_w: Source = _BIAS
    b_r: Source = _BIAS
    peephole: Source = _STATE
    projection: Source = _WEIGHT
    projection_bias: Source = _BIAS
    gamma: Source = Source(uniform=Uniform(low=0.5, high=1.5))
    beta: Source = _BIAS
    gamma_cell: Source = Source(uniform=Uniform(low=0.5, high=1.5))
    beta_cell: Source = _BIAS
    W_y: Source = _WEIGHT
    b_y: Source = _BIAS


class Origin(Frozen):
    """Where a case was written down."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Case(Frozen):
    """One case. `id` is at once the pytest id, the manifest key and the gate key."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*/[a-z0-9][a-z0-9.-]*$")
    description: str = ""
    source: str | None = None
    origin: Origin | None = None

    T: int = Field(ge=1)
    B: int = Field(ge=1)
    I: int = Field(ge=1)
    H: int = Field(ge=1)
    P: int | None = Field(default=None, ge=1)
    layers: int = Field(default=1, ge=1, le=1000)
    direction: Direction = "forward"
    dtype: DTypeName = "float32"
    layout: Literal["time_major", "batch_major"] = "time_major"

    activations: Listed[Activations] = (Activations(),)
    bias: bool = True
    forget_bias: Finite = 0.0
    gate_clip: GateClip | None = None
    cell_clip: Positive | None = None
    projection_clip: Positive | None = None
    coupling: Literal["forget=1-input", "input=1-forget"] | None = None
    layer_norm: Literal["basic-lstm-cell", "nnapi"] | None = None
    peephole: bool = False
    projection_bias: bool = False
    lengths: Listed[int] | None = None
    padding: Number = 1e3
    blocks: Listed[int] | None = None
    head: Head | None = None
    gradients: Literal["whole", "truncated"] | None = None

    seed: int | None = Field(default=None, ge=0)
    torch_seed: int | None = None
    weights: WeightSources = WeightSources()
    x: Source = Source(uniform=Uniform(low=-2.0, high=2.0))
    h0: Source | None = _STATE
    c0: Source | None = _STATE

    tolerance: Tolerance = Tolerance()
    on_demand: bool = False

    @field_validator("activations", mode="before")
    @classmethod
    def _one_or_per_direction(cls, value: Any) -> Any:
        return (value,) if isinstance(value, (dict, Activations)) else value

    @model_validator(mode="after")
    def _fits_together(self) -> Case:
        problems = [*_shape_problems(self), *_option_problems(self), *_source_problems(self)]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def family(self) -> str:
        """The part of the id before the slash."""
        return self.id.split("/", 1)[0]

    @property
    def D(self) -> int:
        """Number of directions."""
        return 2 if self.direction == "bidirectional" else 1

    @property
    def output_size(self) -> int:
        """P: the size of h."""
        return self.P if self.P is not None else self.H

    @property
    def np_dtype(self) -> np.dtype[Any]:
        """The NumPy dtype of every tensor of the case."""
        return numpy_dtype(self.dtype)

    def input_size(self, layer: int) -> int:
        """I_l: the size of the input of a layer."""
        return self.I if layer == 0 else self.D * self.output_size

    def reverse(self, direction: int) -> bool:
        """Whether the direction with this index scans from the last step to the first."""
        return direction == 1 or self.direction == "reverse"

    def activations_of(self, direction: int) -> Activations:
        """The activations of the direction with this index."""
        return self.activations[min(direction, len(self.activations) - 1)]

    @property
    def outputs(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every tensor the case is judged by."""
        rows, P = self.layers * self.D, self.output_size
        shapes: dict[str, tuple[int, ...]] = {
            "y": (self.T, self.B, self.D * P),
            "h_n": (rows, self.B, P),
            "c_n": (rows, self.B, self.H),
        }
        if self.head is not None:
            per_step = self.head.after == "every_step"
            shapes["logits"] = (self.T, self.B, self.head.O) if per_step else (self.B, self.head.O)
        return shapes

    @property
    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name (`W.0` for row 0 = layer 0, direction 0) and shape of every weight tensor of the case."""
        H, P = self.H, self.output_size
        shapes: dict[str, tuple[int, ...]] = {}
        for row in range(self.layers * self.D):
            per_row: dict[str, tuple[int, ...]] = {"W": (4, H, self.input_size(row // self.D)), "R": (4, H, P)}
            if self.bias:
                per_row |= {"b_w": (4, H), "b_r": (4, H)}
            if self.peephole:
                per_row["peephole"] = (3, H)
            if self.P is not None:
                per_row["projection"] = (P, H)
                if self.projection_bias:
                    per_row["projection_bias"] = (P,)
            if self.layer_norm is not None:
                per_row |= {"gamma": (4, H), "beta": (4, H)}
            if self.layer_norm == "basic-lstm-cell":
                per_row |= {"gamma_cell": (H,), "beta_cell": (H,)}
            shapes |= {f"{name}.{row}": shape for name, shape in per_row.items()}
        if self.head is not None:
            shapes |= {"W_y": (self.head.O, self.D * P), "b_y": (self.head.O,)}
        return shapes

    @property
    def input_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every input tensor that is present (`lengths` aside)."""
        rows = self.layers * self.D
        shapes: dict[str, tuple[int, ...]] = {"x": (self.T, self.B, self.I)}
        if self.h0 is not None:
            shapes["h0"] = (rows, self.B, self.output_size)
        if self.c0 is not None:
            shapes["c0"] = (rows, self.B, self.H)
        return shapes

    def digest(self) -> str:
        """SHA-256 of everything that decides the numbers: not the wording, the place, or the tolerance."""
        fields = self.model_dump(mode="json", exclude={"description", "source", "origin", "tolerance", "on_demand"})
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()

    def not_built(self) -> list[str]:
        """The options this case uses whose mathematics this version of the suite does not have yet."""
        used = {
            "P": self.P is not None,
            "peephole": self.peephole,
            "gate_clip": self.gate_clip is not None,
            "cell_clip": self.cell_clip is not None,
            "projection_clip": self.projection_clip is not None,
            "coupling": self.coupling is not None,
            "layer_norm": self.layer_norm is not None,
            "gradients": self.gradients is not None,
            "head.softmax": self.head is not None and self.head.softmax,
            "head.cross_entropy": self.head is not None and self.head.cross_entropy,
            "layout": self.layout != "time_major",
            "lengths of 0": self.lengths is not None and 0 in self.lengths,
        }
        return [name for name, is_used in used.items() if is_used]

    def summary(self) -> str:
        """Shapes and the options that differ from the plain LSTM, in one line."""
        parts = [f"T={self.T} B={self.B} I={self.I} H={self.H}"]
        parts += [f"L={self.layers}"] if self.layers > 1 else []
        parts += [self.direction, SHORT[self.dtype]]
        if any(a != Activations() for a in self.activations):
            parts.append("activations " + " / ".join(map(str, self.activations)))
        parts += ["no bias"] if not self.bias else []
        parts += [f"forget_bias={self.forget_bias:g}"] if self.forget_bias else []
        parts += ["lengths " + ",".join(map(str, self.lengths))] if self.lengths else []
        parts += [f"{len(self.blocks)} blocks"] if self.blocks else []
        parts += [f"no {name}" for name in ("h0", "c0") if getattr(self, name) is None]
        parts += [f"head O={self.head.O} {self.head.after}"] if self.head else []
        return " ".join(parts)


def _shape_problems(case: Case) -> list[str]:
    problems = []
    if case.lengths is not None:
        if len(case.lengths) != case.B:
            problems.append(f"lengths has {len(case.lengths)} numbers for B={case.B} rows")
        if any(not 0 <= length <= case.T for length in case.lengths):
            problems.append(f"lengths must lie between 0 and T={case.T}")
    if case.blocks is not None and (sum(case.blocks) != case.T or min(case.blocks, default=0) < 1):
        problems.append(f"blocks must be positive and add up to T={case.T}")
    shapes = [*case.weight_shapes.values(), *case.input_shapes.values(), *case.outputs.values()]
    # Beside the tensors themselves: the four gates and two states of every step, all in float64.
    steps = case.T * case.B * case.layers * case.D * (4 * case.H + 2 * case.H)
    size = 8 * (sum(math.prod(shape) for shape in shapes) + steps)
    if size > MEMORY_BOUND:
        problems.append(f"these sizes need {size / 2**30:.3g} GiB; at most {MEMORY_BOUND / 2**30:g} GiB are allowed")
    return problems


def _option_problems(case: Case) -> list[str]:
    problems = []
    if len(case.activations) not in (1, case.D):
        problems.append(f"activations: give one set, or one for each of the {case.D} directions")
    if case.blocks is not None and (case.direction != "forward" or case.lengths is not None):
        problems.append("blocks (a stream) goes with direction forward and without lengths")
    last_step_only = case.head is not None and case.head.after == "last_step"
    if last_step_only and (case.direction != "forward" or case.lengths is not None):
        problems.append("head after last_step goes with direction forward and without lengths")
    if case.projection_bias and case.P is None:
        problems.append("projection_bias needs a projection: set P")
    if case.projection_clip is not None and case.P is None:
        problems.append("projection_clip needs a projection: set P")
    return problems


def _source_problems(case: Case) -> list[str]:
    problems = []
    shapes = case.input_shapes | case.weight_shapes
    rows = case.layers * case.D
    for name, shape in shapes.items():
        field = name.partition(".")[0]
        source: Source = getattr(case, field) if field in ("x", "h0", "c0") else getattr(case.weights, field)
        per_row = field not in ("x", "h0", "c0", "W_y", "b_y")
        if source.values is not None:
            got = _nested_shape(source.values)
            if got not in ((shape, (rows, *shape)) if per_row else (shape,)):
                problems.append(f"{field}: values of shape {got} where {shape} is needed")
        if source.torch is not None:
            if case.torch_seed is None:
                problems.append(f"{field}: a torch source needs torch_seed")
            if (source.torch == "default") == (field in ("x", "h0", "c0")):
                problems.append(f"{field}: torch: default is for weights; rand and randn are for x, h0 and c0")
        if source.keras is not None and field in ("x", "h0", "c0"):
            problems.append(f"{field}: keras: initialisers are for weights")
        if source.keras == "unit_forget_bias" and field not in ("b_w", "b_r"):
            problems.append(f"{field}: keras: unit_forget_bias is for b_w and b_r")
    weights = case.weights
    kinds = {weights.W.torch, weights.R.torch} | ({weights.b_w.torch, weights.b_r.torch} if case.bias else set())
    if "default" in kinds and kinds != {"default"}:
        problems.append("torch: default draws W, R, b_w and b_r together; give it for all of them")
    if case.head is not None and (weights.W_y.torch is None) != (weights.b_y.torch is None):
        problems.append("torch: default draws W_y and b_y together; give it for both")
    return sorted(set(problems))


def _nested_shape(values: Any) -> tuple[int, ...] | str:
    """The shape of nested lists of numbers, or what is wrong with them."""
    if isinstance(values, bool) or not isinstance(values, (int, float, list)):
        return f"containing {values!r}"
    if not isinstance(values, list):
        return ()
    inner = {_nested_shape(value) for value in values}
    problem = next((shape for shape in inner if isinstance(shape, str)), None)
    if problem is not None or len(inner) != 1:
        return problem or "ragged or empty"
    return (len(values), *inner.pop())
