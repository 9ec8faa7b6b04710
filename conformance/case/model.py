"""`Case`: one LSTM computation, complete: shapes, options, where its numbers come from, how it is judged.

Axes (docs/equations.md): T time steps, B batch rows, I input size, H hidden size, P output size (H without a
projection), D directions, O head outputs.
"""

from __future__ import annotations

import hashlib
import json
import re
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from conformance.case.checks import problems_of
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
    Poison,
    Positive,
    Tolerance,
)
from conformance.case.source import Source, Uniform

if TYPE_CHECKING:
    import numpy as np

_WEIGHT = Source(uniform=Uniform(gain=1.5))
_STATE = Source(uniform=Uniform(low=-1.0, high=1.0))
_BIAS = Source(uniform=Uniform(low=-1.0, high=1.0, grid=20))

COTANGENTS = ("dy", "dh_n", "dc_n")
"""The inputs that stand for dL/dy, dL/dh_n and dL/dc_n of a loss that is not looked into; like y, h_n, c_n."""

LONGEST_NAME = 100
"""Characters of a family and of a case's name: each is the name of a folder or a file, on every file system."""
FAMILY = f"[a-z0-9][a-z0-9-]{{0,{LONGEST_NAME - 1}}}"
NAME = f"[a-z0-9][a-z0-9.-]{{0,{LONGEST_NAME - 1}}}"

CHECKED = "checked"
"""The context in which a case is read that came from a spec: whether its keys fit together has been seen there."""


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

    id: str
    description: str = ""
    source: str | None = None
    origin: Origin | None = None

    T: int = Field(ge=1)
    B: int = Field(ge=0)
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
    skip: Listed[Listed[int]] | None = None
    lengths_via: Literal["argument", "packed", "packed-sorted", "upstream"] | None = None
    padding: Number = 1e3
    blocks: Listed[int] | None = None
    calls: Listed[int] | None = None
    head: Head | None = None
    gradients: Literal["whole", "truncated"] | None = None
    targets: Source | None = None
    dy: Source | None = _STATE
    dh_n: Source | None = _STATE
    dc_n: Source | None = _STATE

    seed: int | None = Field(default=None, ge=0)
    torch_seed: int | None = None
    weights: WeightSources = WeightSources()
    x: Source = Source(uniform=Uniform(low=-2.0, high=2.0))
    h0: Source | None = _STATE
    c0: Source | None = _STATE
    poison: Poison | None = None

    tolerance: Tolerance = Tolerance()
    on_demand: bool = False
    exempt: dict[str, str] = Field(default={})

    @field_validator("id")
    @classmethod
    def _usable_as_a_path(cls, value: str) -> str:
        family, slash, name = value.partition("/")
        if not (slash and re.fullmatch(FAMILY, family) and re.fullmatch(NAME, name)):
            raise ValueError(
                f"a family is 1 to {LONGEST_NAME} of a-z, 0-9 and -, a name with what vary adds to it 1 to "
                f"{LONGEST_NAME} of these and the full stop, each with a letter or a digit in front"
            )
        return value

    @field_validator("activations", mode="before")
    @classmethod
    def _one_or_per_direction(cls, value: Any) -> Any:
        return (value,) if isinstance(value, (dict, Activations)) else value

    @model_validator(mode="after")
    def _fits_together(self, info: ValidationInfo) -> Case:
        if info.context == CHECKED:
            return self
        if problems := problems_of(self):
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
        """The size of h, P."""
        return self.P if self.P is not None else self.H

    @property
    def np_dtype(self) -> np.dtype[Any]:
        """The NumPy dtype of every tensor of the case."""
        return numpy_dtype(self.dtype)

    def input_size(self, layer: int) -> int:
        """The size of the input of a layer, I_l."""
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
            if self.head.softmax:
                shapes["probabilities"] = shapes["logits"]
            if self.head.cross_entropy:
                shapes["loss"] = ()
        if self.gradients is not None:
            differentiated = {n: s for n, s in self.input_shapes.items() if n not in COTANGENTS} | self.weight_shapes
            shapes |= {f"d_{name}": shape for name, shape in differentiated.items()}
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
                per_row["gamma"] = (4, H)
            if self.layer_norm == "basic-lstm-cell":
                per_row |= {"beta": (4, H), "gamma_cell": (H,), "beta_cell": (H,)}
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
        if self.gradients is not None and not self.cross_entropy:
            ends = {"dy": (self.T, self.B, self.D * self.output_size)}
            ends |= {"dh_n": (rows, self.B, self.output_size), "dc_n": (rows, self.B, self.H)}
            shapes |= {name: shape for name, shape in ends.items() if getattr(self, name) is not None}
        return shapes

    @property
    def targets_shape(self) -> tuple[int, ...] | None:
        """The shape of `targets`, the classes that a cross-entropy is taken against; None without one."""
        return self.outputs["logits"][:-1] if self.cross_entropy else None

    @property
    def cross_entropy(self) -> bool:
        """Whether the case ends in a cross-entropy."""
        return self.head is not None and self.head.cross_entropy

    @property
    def has_loss(self) -> bool:
        """Whether outputs belong to all rows and steps together, as a loss and its gradients do."""
        return self.cross_entropy or self.gradients is not None

    @property
    def masked(self) -> bool:
        """Whether the case has lengths or holes, so that some step of some row may be left out."""
        return self.lengths is not None or self.skip is not None

    @property
    def block_steps(self) -> list[slice]:
        """The steps of each block of a stream; all steps as one block where the case is none."""
        ends = list(accumulate(self.blocks or (self.T,)))
        return [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]

    @property
    def block_lengths(self) -> list[tuple[int, ...]]:
        """The length of every batch row within each block: 0 in the blocks after the one in which a row ends."""
        lengths = (self.T,) * self.B if self.lengths is None else self.lengths
        return [tuple(min(max(n - s.start, 0), s.stop - s.start) for n in lengths) for s in self.block_steps]

    def valid_steps(self, row: int) -> list[int]:
        """The steps that count for a batch row, ascending: those within its length that are not skipped."""
        length = self.T if self.lengths is None else self.lengths[row]
        skipped = () if self.skip is None else self.skip[row]
        return [t for t in range(length) if t not in skipped]

    def digest(self) -> str:
        """SHA-256 of everything that decides the numbers: not the wording, the place, or the tolerance."""
        unused = {"description", "source", "origin", "tolerance", "on_demand", "exempt"}  # words, and how it is judged
        unused |= {name for name in COTANGENTS if name not in self.input_shapes}
        unused |= set() if self.cross_entropy else {"targets"}
        fields = self.model_dump(mode="json", exclude=unused)
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()

    def summary(self) -> str:
        """Shapes and the options that differ from the plain LSTM, in one line."""
        parts = [f"T={self.T} B={self.B} I={self.I} H={self.H}"]
        parts += [f"P={self.P}"] if self.P is not None else []
        parts += [f"L={self.layers}"] if self.layers > 1 else []
        parts += [self.direction, SHORT[self.dtype]]
        if any(a != Activations() for a in self.activations):
            parts.append("activations " + " / ".join(map(str, self.activations)))
        parts += ["no bias"] if not self.bias else []
        parts += [f"forget_bias={self.forget_bias:g}"] if self.forget_bias else []
        parts += [f"{name}" for name in ("peephole", "projection_bias") if getattr(self, name)]
        parts += [f"gate_clip={self.gate_clip.bound:g} ({self.gate_clip.reading})"] if self.gate_clip else []
        clips = (("cell_clip", self.cell_clip), ("projection_clip", self.projection_clip))
        parts += [f"{name}={bound:g}" for name, bound in clips if bound is not None]
        parts += [self.coupling] if self.coupling else []
        parts += [f"layer_norm={self.layer_norm}"] if self.layer_norm else []
        parts += [self.layout] if self.layout != "time_major" else []
        parts += ["lengths " + ",".join(map(str, self.lengths))] if self.lengths else []
        parts += ["holes"] if self.skip else []
        parts += [f"lengths via {self.lengths_via}"] if self.lengths_via else []
        parts += [f"{len(self.blocks)} blocks"] if self.blocks else []
        parts += [f"{len(self.calls)} calls"] if self.calls else []
        parts += [f"no {name}" for name in ("h0", "c0") if getattr(self, name) is None]
        parts += [f"{self.poison.value:g} in {self.poison.tensor}"] if self.poison else []
        parts += [f"head O={self.head.O} {self.head.after}"] if self.head else []
        parts += ["softmax"] if self.head and self.head.softmax else []
        parts += ["cross-entropy"] if self.cross_entropy else []
        parts += [f"gradients {self.gradients}"] if self.gradients else []
        return " ".join(parts)
