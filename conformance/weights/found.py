"""`FoundLayer`: one LSTM layer, or stack of layers, of a file; in the words of a case and with canonical weights."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from conformance.case.errors import ConformanceError
from conformance.case.model import Case
from conformance.case.options import Activations
from conformance.case.tensors import Array, LayerWeights, Weights
from conformance.case.text import shortened
from conformance.weights.held import FLOATS

OPTIONS = (
    *("activations", "forget_bias", "coupling", "layer_norm", "gate_clip", "cell_clip", "projection_clip"),
    *("output_peephole", "direction"),
)
"""The keys of a case that weights alone do not tell."""


@dataclass(frozen=True)
class FoundLayer:
    """What a file holds of one LSTM.

    where: its name in the file. layout: the name of the layout that it was in. keys: those of a case that describe it:
    sizes, dtype, options. weights: canonical, `rows[layer * D + direction]`. notes: in words, what was assumed and what
    is worth knowing. asked: the keys that the file does not tell and that have no safe value, with the reason.
    """

    where: str
    layout: str
    keys: Mapping[str, Any]
    weights: Weights
    notes: tuple[str, ...] = ()
    asked: Mapping[str, str] = field(default_factory=dict)

    @property
    def dtype(self) -> str:
        """The dtype of the weights."""
        return str(self.keys["dtype"])

    def case(self, **more: Any) -> Case:
        """A case of this layer. more: further keys, at least id, T and B.

        Raises:
            ConformanceError: the keys do not fit together.
        """
        return case_of({**self.keys, **more})

    def summary(self) -> str:
        """Sizes and options, in one line."""
        text = self.case(id="weights/found", T=1, B=1).summary()
        return " ".join(word for word in text.split(" ") if word not in ("T=1", "B=1"))


def meant_by(prefix: str, names: Sequence[Collection[str]]) -> list[int]:
    """The numbers of the layers that --prefix means: those with this very name, else those whose name begins so.

    An exporter numbers on, LSTM and LSTM_1, and the first of these could not be meant otherwise.

    Args:
        names: of each layer, all that it has.
    """
    exact = [n for n, own in enumerate(names) if prefix and prefix in own]
    return exact or [n for n, own in enumerate(names) if any(name.startswith(prefix) for name in own)]


def case_of(keys: Mapping[str, Any]) -> Case:
    """A case with these keys. Raises ConformanceError, in one line, if they are not those of one."""
    try:
        return Case.model_validate(dict(keys))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        why = shortened(str(first["msg"]).removeprefix("Value error, "), 300)
        raise ConformanceError(f"{where}: {why}" if where else why) from error


def keys_of(rows: Sequence[LayerWeights], directions: int) -> dict[str, Any]:
    """The keys that the weights themselves tell.

    Args:
        rows: those of each layer and direction, in the order of `Weights`.

    Raises:
        ValueError: they do not fit together as one stack.
    """
    first = rows[0]
    dtype = next((name for name, dtype in FLOATS.items() if dtype == first.W.dtype), None)
    H, I = first.W.shape[1], first.W.shape[2]
    P = None if first.projection is None else first.projection.shape[0]
    for number, row in enumerate(rows):
        layer = number // directions
        wanted = I if layer == 0 else directions * (P or H)
        if row.W.dtype != first.W.dtype or row.W.shape != (4, H, wanted) or row.R.shape != first.R.shape:
            raise ValueError(f"layer {layer} has W {row.W.shape} of {row.W.dtype}, not (4, {H}, {wanted})")
        if any((getattr(row, name) is None) != (getattr(first, name) is None) for name in _OPTIONAL):
            raise ValueError(f"layer {layer} has other tensors than layer 0")
    found: dict[str, Any] = {
        "I": I,
        "H": H,
        "layers": len(rows) // directions,
        "direction": "bidirectional" if directions == 2 else "forward",
        "dtype": dtype,
        "bias": first.b_w is not None,
    }
    found |= {"P": P} if P is not None else {}
    found |= {"projection_bias": True} if first.projection_bias is not None else {}
    return found | ({"peephole": True} if first.peephole is not None else {})


_OPTIONAL = ("b_w", "peephole", "projection", "projection_bias", "gamma")


def options_of(keys: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a layer that weights alone do not tell, where they differ from the plain LSTM, as JSON."""
    case = case_of({"id": "weights/options", "T": 1, "B": 1, **keys})
    plain = {"activations": (Activations(),), "forget_bias": 0.0, "output_peephole": "new-cell", "direction": "forward"}
    told = case.model_dump(mode="json", include=set(OPTIONS), exclude_none=True)
    given = {name: value for name, value in told.items() if getattr(case, name) != plain.get(name)}
    return {name: value for name, value in given.items() if value != "bidirectional"}  # which the weights tell


def with_zeros(row: Mapping[str, Array]) -> dict[str, Array]:
    """The tensors of a TensorFlow Lite operator that leaves out the input gate, with zeros in place of that gate's."""
    import numpy as np

    names = {name: f"{name[:-1]}f" for name in ("input_to_i", "recurrent_to_i", "bias_i")}
    return {**{name: np.zeros_like(row[other]) for name, other in names.items() if other in row}, **row}
