"""The keys of a case and what is derived from them: sizes, shapes, which steps count.

Axes (docs/equations.md): T time steps, B batch rows, I input size, H hidden size, P output size (H without a
projection), D directions, O head outputs.
"""

from __future__ import annotations

import re
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, create_model, field_validator, model_validator

from conformance.case.dtypes import DTypeName, numpy_dtype
from conformance.case.options import (
    Activations,
    Coupling,
    Direction,
    Finite,
    Frozen,
    GateClip,
    GradientKind,
    Head,
    LayerNorm,
    LengthsVia,
    Listed,
    Number,
    PeepholeReading,
    Poison,
    Positive,
    Tolerance,
)
from conformance.case.source import Source
from conformance.case.tensor_table import COTANGENTS, HEAD_WEIGHTS, INPUTS, LAYER_WEIGHTS, default_of

if TYPE_CHECKING:
    import numpy as np

    class WeightSources(Frozen):
        """A source for each weight tensor; the same source fills every layer and direction, with different numbers."""

        def __getattr__(self, name: str) -> Source: ...

else:
    _SOURCES = {name: (Source, tensor.source) for name, tensor in (LAYER_WEIGHTS | HEAD_WEIGHTS).items()}

    class _AllFromOneFile(Frozen):
        @model_validator(mode="before")
        @classmethod
        def _each(cls, given: Any) -> Any:
            """`{file: weights.safetensors}` stands for that source for every weight that has no other."""
            if not isinstance(given, dict) or "file" not in given:
                return given
            file = {key: given[key] for key in ("file", "sha256") if key in given}
            return dict.fromkeys(_SOURCES, file) | {key: value for key, value in given.items() if key not in file}

    WeightSources = create_model("WeightSources", __base__=_AllFromOneFile, __module__=__name__, **_SOURCES)
    WeightSources.__doc__ = (
        "A source for each weight tensor; the same source fills every layer and direction, with different numbers."
    )

LONGEST_NAME = 100
"""Most characters in a family and in a case's name: both become names of folders and files on any file system."""
FAMILY = f"[a-z0-9][a-z0-9-]{{0,{LONGEST_NAME - 1}}}"
NAME = f"[a-z0-9][a-z0-9.-]{{0,{LONGEST_NAME - 1}}}"


class Origin(Frozen):
    """Where a case was written down."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Fields(Frozen):
    """The keys of a case. `id` is also the pytest id, the key in the manifest and the key of the gate."""

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
    coupling: Coupling | None = None
    layer_norm: LayerNorm | None = None
    peephole: bool = False
    output_peephole: PeepholeReading = "new-cell"
    projection_bias: bool = False
    lengths: Listed[int] | None = None
    skip: Listed[Listed[int]] | None = None
    lengths_via: LengthsVia | None = None
    padding: Number = 1e3
    blocks: Listed[int] | None = None
    calls: Listed[int] | None = None
    head: Head | None = None
    gradients: GradientKind | None = None
    targets: Source | None = None
    dy: Source | None = default_of("dy")
    dh_n: Source | None = default_of("dh_n")
    dc_n: Source | None = default_of("dc_n")

    seed: int | None = Field(default=None, ge=0)
    torch_seed: int | None = None
    weights: WeightSources = WeightSources()
    x: Source = default_of("x")
    h0: Source | None = default_of("h0")
    c0: Source | None = default_of("c0")
    poison: Poison | None = None

    tolerance: Tolerance = Tolerance()
    on_demand: bool = False
    remade: bool = False
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
        """Name and shape of every tensor that is judged."""
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
        present = {name: tensor for name, tensor in LAYER_WEIGHTS.items() if tensor.present(self)}
        shapes = {
            f"{name}.{row}": tensor.shape(self, row // self.D)
            for row in range(self.layers * self.D)
            for name, tensor in present.items()
        }
        return shapes | {name: tensor.shape(self) for name, tensor in HEAD_WEIGHTS.items() if tensor.present(self)}

    @property
    def input_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every input tensor that is present, except lengths, mask and targets."""
        return {name: tensor.shape(self) for name, tensor in INPUTS.items() if tensor.present(self)}

    @property
    def targets_shape(self) -> tuple[int, ...] | None:
        """The shape of `targets`, the true classes of the cross-entropy; None without one."""
        return self.outputs["logits"][:-1] if self.cross_entropy else None

    @property
    def cross_entropy(self) -> bool:
        """Whether the case ends in a cross-entropy."""
        return self.head is not None and self.head.cross_entropy

    @property
    def has_loss(self) -> bool:
        """Whether the outputs include a loss or gradients, which depend on all rows and steps together."""
        return self.cross_entropy or self.gradients is not None

    @property
    def masked(self) -> bool:
        """Whether the case has lengths or holes, so that some step of some row may be left out."""
        return self.lengths is not None or self.skip is not None

    @property
    def block_steps(self) -> list[slice]:
        """The steps of each block of a stream; all steps as one block if the case is not a stream."""
        ends = list(accumulate(self.blocks or (self.T,)))
        return [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]

    @property
    def block_lengths(self) -> list[tuple[int, ...]]:
        """The length of every batch row within each block; 0 in the blocks after the one in which the row ends."""
        lengths = (self.T,) * self.B if self.lengths is None else self.lengths
        return [tuple(min(max(n - s.start, 0), s.stop - s.start) for n in lengths) for s in self.block_steps]

    def valid_steps(self, row: int) -> list[int]:
        """The steps that count for a batch row, in ascending order: those within its length that are not skipped."""
        length = self.T if self.lengths is None else self.lengths[row]
        skipped = () if self.skip is None else self.skip[row]
        return [t for t in range(length) if t not in skipped]
