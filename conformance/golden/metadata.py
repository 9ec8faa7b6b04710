"""What a vector's file says of its case, so that a reader in any language needs nothing else (docs/vectors.md).

It stands in the header of the safetensors file, as `__metadata__`, a flat map of texts, short because there are
thousands of such files:

    format, case  `FORMAT`, and the id
    sizes         "T=5 B=3 I=4 H=6"; P, L, D and O only where they are not H, 1, 1 and none
    dtype         of weights and inputs, where it is not float32
    options       "bias=false gate_clip.bound=0.5 ...": every option that is not as in the plain LSTM
    axes          "T,B,I:x L*D,B,P:h0,h_n ...": the axes of every tensor, which is named without its row
    allowed       how far an answer may be from the golden value: a formula, with the tolerance and the unit roundoff

Lengths and holes are not repeated: they are the tensors `inputs.lengths` and `inputs.mask`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from conformance.case.dtypes import UNIT_ROUNDOFF
from conformance.case.errors import GenerationError
from conformance.case.fields import Fields
from conformance.case.model import Case
from conformance.case.options import PARAMETERS, Activation
from conformance.case.tensor_table import COTANGENTS, HEAD_WEIGHTS, INPUTS, LAYER_WEIGHTS
from conformance.case.tensors import MOST_METADATA, metadata_of
from conformance.case.text import shortened
from conformance.golden.vector import Vector, remade_of

FORMAT = "1"
_NO_OPTIONS = frozenset({
    *("id", "description", "source", "origin", "T", "B", "I", "H", "P", "layers", "dtype"),
    *("weights", *INPUTS, "targets", "seed", "torch_seed", "poison", "padding"),  # the numbers themselves
    *("tolerance", "exempt", "on_demand", "remade"),
})  # fmt: skip
OPTIONS = frozenset(Fields.model_fields) - _NO_OPTIONS
"""The keys of a case that are options: what is computed besides sizes and numbers, and how the framework is called."""
TENSORS = LAYER_WEIGHTS | HEAD_WEIGHTS | INPUTS
_OF_THE_HEAD = ("logits", "probabilities", "targets")
_IN_TENSORS = ("lengths", "skip")
_JUDGEMENT = frozenset({"allowed"})


def file_of(case: Case, vector: Vector, *, whole: bool = False) -> bytes:
    """The file of a case's vector. whole: with the tensors that are otherwise made again when it is read.

    Raises:
        GenerationError: what it would say of its case is longer than is read.
    """
    told = metadata(case)
    longest = max(told, key=lambda key: len(told[key]))
    if len(told[longest]) > MOST_METADATA // 2:
        raise GenerationError(f"{case.id}: its {longest} are too long for the header of a vector's file; give fewer")
    return vector.to_bytes(() if whole else remade_of(case), told)


def misfit(data: bytes, case: Case, *, judgement: bool = False) -> str | None:
    """The first thing that a file says of its case and that is not so; None if all is.

    judgement: the tolerance, too. A run judges by that of the spec, so it does not depend on that of the file.

    Raises:
        ValueError: the header is not one of a safetensors file, or says too much.
    """
    found = metadata_of(data)
    if not found:
        return "it does not say which case it is of"
    ignored = frozenset() if judgement else _JUDGEMENT
    has, needs = ({key: text for key, text in each.items() if key not in ignored} for each in (found, metadata(case)))
    if has == needs:
        return None
    key = min(key for key in has.keys() | needs.keys() if has.get(key) != needs.get(key))
    said, wanted = (repr(shortened(each[key])) if key in each else "nothing" for each in (has, needs))
    return f"metadata {shortened(key)!r}: the file has {said}, the case needs {wanted}"


def metadata(case: Case) -> dict[str, str]:
    """The `__metadata__` of a case's vector."""
    told = {"format": FORMAT, "case": case.id}
    told["sizes"] = " ".join(f"{name}={size}" for name, size in unusual_sizes(case).items())
    told |= {"dtype": case.dtype} if case.dtype != "float32" else {}
    given = [f"{path}={_text(value)}" for path, value in _leaves(options(case)) if path not in _IN_TENSORS]
    told |= {"options": " ".join(given)} if given else {}
    grouped: dict[str, list[str]] = {}
    for name, named in axes(case).items():
        grouped.setdefault(",".join(named), []).append(name)
    told["axes"] = " ".join(f"{named}:{','.join(names)}" for named, names in grouped.items())
    return told | {"allowed": allowed(case)}


def unusual_sizes(case: Case) -> dict[str, int]:
    """The number behind each letter of the axes: T, B, I and H, then P if it is not H, L and D if not 1, O if any."""
    found = {"T": case.T, "B": case.B, "I": case.I, "H": case.H}
    others = {"P": case.output_size, "L": case.layers, "D": case.D} | ({"O": case.head.O} if case.head else {})
    usual = {"P": case.H, "L": 1, "D": 1}
    return found | {name: size for name, size in others.items() if size != usual.get(name)}


def options(case: Case) -> dict[str, Any]:
    """The options that differ from the plain LSTM, as JSON.

    An activation is a text, as `tanh` or `hard_sigmoid(0.2,0.5)`, alpha before beta; there is one object of those that
    differ for each direction.
    """
    found = case.model_dump(mode="json", include=set(OPTIONS), exclude_defaults=True)
    if "activations" in found:
        found["activations"] = [_activations(case, direction) for direction in range(case.D)]
    return found


def axes(case: Case) -> dict[str, list[str]]:
    """The names of the axes of every tensor, without its row, and of every output except gradients.

    d_NAME has the axes of NAME. I is the input size of the layer that a tensor is of: D*P from the second layer on.
    """
    found = {name: tensor.axes.split() for name, tensor in TENSORS.items() if tensor.present(case)}
    present = {"lengths": case.lengths is not None, "mask": case.skip is not None, "targets": case.cross_entropy}
    for name, named in usual_axes().items():
        if present.get(name, name in case.outputs):
            # A head after the last step has answers for it alone.
            last = case.head is not None and case.head.after == "last_step" and name in _OF_THE_HEAD
            found[name] = named[1:] if last else named
    return found


def usual_axes() -> dict[str, list[str]]:
    """The axes of the tensors that conformance.case.tensor_table does not have, for a head after every step."""
    # A cotangent dL/d(an output) has the axes of that output.
    found = {"lengths": "B", "mask": "T B"} | {name.removeprefix("d"): INPUTS[name].axes for name in COTANGENTS}
    found |= {"logits": "T B O", "probabilities": "T B O", "targets": "T B", "loss": ""}
    return {name: named.split() for name, named in found.items()}


def allowed(case: Case) -> str:
    """How far an element may be from its golden value: the formula of conformance.verdict.noise.allowed."""
    terms = case.tolerance.terms(case.dtype)
    given = {name: f"{value:g}" if float(f"{value:g}") == value else repr(value) for name, value in terms.items()}
    linear = [given["absolute"]] if "absolute" in given else []
    linear += [f"{given['relative']}*|golden|"] if "relative" in given else []
    unit = f"2^{math.frexp(UNIT_ROUNDOFF[case.dtype])[1] - 1}"
    parts = [f"{given['noise']}*{unit}*max(kappa,max|golden|)"] if "noise" in given else []
    parts += [f"{given['ulp']}*ulp(golden)"] if "ulp" in given else []
    parts += ["+".join(linear)] if linear else []
    return parts[0] if len(parts) == 1 else f"max({','.join(parts)})"


def _activations(case: Case, direction: int) -> dict[str, str]:
    """Those of a direction that are not the plain LSTM's; `gate.defaults` where the parameters are not handed over."""
    chosen = case.activations_of(direction)
    told: dict[str, str] = {}
    for field in chosen.model_dump(exclude_defaults=True):
        activation: Activation = getattr(chosen, field)
        parameters = [repr(getattr(activation, name)) for name in PARAMETERS.get(activation.name, ())]
        told[field] = activation.name + (f"({','.join(parameters)})" if parameters else "")
        told |= {f"{field}.defaults": activation.defaults} if activation.defaults else {}
    return told


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The values of nested objects, and of lists of objects, by their paths."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        value = {str(index): each for index, each in enumerate(value)}
    if not isinstance(value, dict):
        yield path, value
        return
    for key, each in value.items():
        yield from _leaves(each, f"{path}.{key}" if path else key)


def _text(value: Any) -> str:
    """A word as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
