"""`cases`: the suite's cases for Python code, each with its weights, inputs and golden values as plain NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance.api.layouts import CANONICAL, in_layout, named
from conformance.case.errors import ConformanceError
from conformance.case.load import load_specs
from conformance.case.model import Case
from conformance.case.select import matching
from conformance.case.tensors import Array
from conformance.case.text import shortened
from conformance.data import default_folders
from conformance.golden.cache import cached
from conformance.golden.store import VectorStore
from conformance.golden.vector import Vector
from conformance.verdict.noise import allowed

if TYPE_CHECKING:
    from conformance.adapters.layouts import Layout


@dataclass(frozen=True, eq=False)
class LSTMCase:
    """One case. Its vector is read when an array is first asked for; one too large to be shipped is then proven.

    Every array is a copy of one's own, which may be written to. Those of the weights and inputs have the case's dtype:
    that of bfloat16 is `ml_dtypes.bfloat16`, for NumPy has none; `array.astype("float32")` is exact.

    Attributes:
        spec: every key of the case, as in its spec (docs/specs.md), with what is derived from them.
        layout: what `weights_in` gives without an argument.
    """

    spec: Case
    store: VectorStore
    layout: str | Layout = "canonical"

    def __repr__(self) -> str:
        return f"<LSTMCase {self.id}: {self.summary}>"

    @property
    def id(self) -> str:
        """`family/name`."""
        return self.spec.id

    @property
    def summary(self) -> str:
        """Sizes and the options that differ from the plain LSTM, in one line."""
        return self.spec.summary()

    @property
    def dtype(self) -> str:
        """`float16`, `bfloat16`, `float32` or `float64`."""
        return self.spec.dtype

    @property
    def T(self) -> int:
        """Time steps."""
        return self.spec.T

    @property
    def B(self) -> int:
        """Batch rows."""
        return self.spec.B

    @property
    def I(self) -> int:  # noqa: E743
        """Input size."""
        return self.spec.I

    @property
    def H(self) -> int:
        """Hidden size."""
        return self.spec.H

    @property
    def P(self) -> int | None:
        """The size of h with a projection; None without one."""
        return self.spec.P

    @property
    def layers(self) -> int:
        """Layers."""
        return self.spec.layers

    @property
    def direction(self) -> str:
        """`forward`, `reverse` or `bidirectional`."""
        return self.spec.direction

    @property
    def bias(self) -> bool:
        """Whether it has biases."""
        return self.spec.bias

    @property
    def options(self) -> dict[str, Any]:
        """The keys of the spec that differ from their defaults, sizes included."""
        drop = {"id", "description", "source", "origin", "seed", "exempt"}
        return self.spec.model_dump(mode="json", exclude_defaults=True, exclude=drop)

    @property
    def tolerance(self) -> dict[str, float]:
        """What is allowed, by term: `{"noise": 11.0}` in noise units (docs/noise-units.md), for almost every case."""
        return self.spec.tolerance.terms(self.dtype)

    @property
    def weights(self) -> dict[str, Array]:
        """Canonical arrays: `W.0` (4, H, I), `R.0` (4, H, P), `b_w.0`, `b_r.0` (4, H), ..., gates i, f, g, o.

        The number is that of the row, layer * D + direction.
        """
        return _copied(self.vector.arrays.weights.flat)

    def weights_in(self, layout: str | Layout | None = None) -> dict[str, Array]:
        """The weights as a framework has them.

        Args:
            layout: `torch` (the state_dict of an nn.LSTM: `weight_ih_l0`, ..., `weight_hh_l1_reverse`), `keras`,
                `onnx`, another of conformance.api.layouts.LAYOUTS, or a Layout of your own, whose names may have
                `{layer}` and `{direction}` in them. By default `self.layout`.

        Raises:
            ConformanceError: there is no layout of that name, or it has no place for a weight of the case.
        """
        return in_layout(layout or self.layout, self.spec, self.vector.arrays.weights)

    @property
    def inputs(self) -> dict[str, Array]:
        """`x` (T, B, I), and as the case has them `h0` (L*D, B, P), `c0` (L*D, B, H), `lengths` (B), `mask` (T, B), ...

        `targets`, `dy`, `dh_n` and `dc_n` belong to cases with a loss or gradients.
        """
        return _copied(self.vector.arrays.inputs.flat)

    @property
    def golden(self) -> dict[str, Array]:
        """What is right, in float64: `y` (T, B, D*P), `h_n` and `c_n` (L*D, B, P or H), `d_x`, ...

        Each number is the float64 nearest to the exact result for the weights and inputs of the case, under the default
        contracts: y is 0 where a row leaves a step out, a row of length 0 keeps its initial state.
        """
        return _copied(self.vector.golden)

    def allowed(self, name: str) -> Array:
        """The largest error of each element of an output that counts as right, for arithmetic in the case's dtype."""
        golden, kappa = self.vector.golden[name], self.vector.kappa[name]
        return allowed(golden, kappa, self.spec.tolerance, self.dtype, self.spec.np_dtype)

    @cached_property
    def vector(self) -> Vector:
        """The vector of the case: all of these arrays, which must not be written to.

        Raises:
            VectorError: it is missing or altered.
        """
        return cached(self.spec) if self.spec.on_demand else self.store.load(self.spec)


def cases(
    *patterns: str,
    specs: str | Path | None = None,
    vectors: str | Path | None = None,
    layout: str | Layout = "canonical",
) -> Sequence[LSTMCase]:
    """The cases whose ids match, in the order of the patterns and of the specs: the same in every run.

    Args:
        patterns: as `conformance run --case` takes them, `lengths/*`; `!PATTERN` takes away. Without any, all cases.
        specs, vectors: folders of your own; by default the suite's own.
        layout: what `weights_in` of each gives without an argument.

    Raises:
        ConformanceError: a pattern is not a text or matches nothing, a spec is wrong, or there is no such layout.
    """
    if wrong := [each for each in patterns if not isinstance(each, str)]:
        raise ConformanceError(f"{shortened(repr(wrong[0]))} is not a pattern; give texts, like 'lengths/*'")
    if layout != CANONICAL:
        named(layout)
    for name, folder in (("specs", specs), ("vectors", vectors)):
        if folder is not None and not Path(folder).is_dir():
            raise ConformanceError(f"{name} must be a folder; there is none called {folder}")
    store = _own_store() if vectors is None else VectorStore(Path(vectors))
    every = load_specs(default_folders().specs if specs is None else Path(specs))
    found = matching(every, patterns) if patterns else every
    return tuple(LSTMCase(case, store, layout) for case in found)


@cache
def _own_store() -> VectorStore:
    return VectorStore(default_folders().vectors)


def _copied(arrays: dict[str, Array]) -> dict[str, Array]:
    return {name: array.copy() for name, array in arrays.items()}
