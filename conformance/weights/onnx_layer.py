"""An ONNX LSTM node as the keys of a case and its weights: what the node in the file means, checked by name.

https://onnx.ai/onnx/operators/onnx__LSTM.html. onnx's own checker accepts an unknown activation or direction, a
hidden_size that contradicts R, and three activations for two directions; all of this is checked here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import ml_dtypes
import numpy as np

from conformance.adapters.layouts import ONNX, unpack
from conformance.adapters.onnx_model import NAMES
from conformance.case.options import PARAMETERS
from conformance.case.tensors import Array, LayerWeights, Weights
from conformance.case.text import shortened
from conformance.weights.onnx_graph import OWN_DOMAIN, ModelError, Scope, attributes_of, named
from conformance.weights.onnx_sizes import Size, sizes_of
from conformance.weights.onnx_values import Unknown, Values

INPUTS = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")
"""The operator's inputs, in its order."""
_PARAMETERS = ("activation_alpha", "activation_beta")
ATTRIBUTES = {
    "activations",
    "clip",
    "direction",
    "hidden_size",
    "input_forget",
    "layout",
    "output_sequence",
    *_PARAMETERS,
}
_DTYPES = {np.dtype(t): t.__name__ for t in (np.float16, np.float32, np.float64, ml_dtypes.bfloat16)}
_FROM_ONNX = {name.lower(): ours for ours, name in NAMES.items()}
"""The operator's names are compared without case, as engines do."""


@dataclass(frozen=True)
class Layer:
    """An LSTM of a model file that can become a case.

    where: the node and its graph, in words. node: as the file has it, attributes of a function filled in. opset: the
    version of the operator's set. keys: those of a case, without T and B. weights: canonical. stored: the numbers of
    other inputs that are constant in the file, by the operator's names. open: which inputs are given when the model is
    run, with the names of their tensors in the graph of the node. main: whether that is the main graph. T, B: as far
    as the file says them. notes: what else is worth knowing.
    """

    where: str
    node: Any
    opset: int
    ir_version: int
    keys: dict[str, Any]
    weights: Weights
    stored: dict[str, Array]
    open: Mapping[str, str]
    main: bool
    T: Size
    B: Size
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class NotUsed:
    """Something in a model file that is or may be an LSTM and cannot become a case. why: in words."""

    where: str
    what: str
    why: str


@dataclass
class _Read:
    """Collects what a node says."""

    scope: Scope
    node: Any
    values: Values
    where: str
    notes: list[str] = field(default_factory=list)

    def layer(self, ir_version: int) -> Layer:
        """The layer of a node.

        Raises:
            ModelError: the node contradicts the operator's definition, or its weights are not constant.
        """
        attributes = attributes_of(self.node)
        if unknown := sorted(attributes.keys() - ATTRIBUTES):
            self.refuse(f"has the attribute {shortened(repr(unknown[0]))}, which the operator has not")
        given = {name: each for name, each in zip(INPUTS, self.node.input, strict=False) if each}
        arrays: dict[str, Array] = {}
        opened: dict[str, str] = {"X": given.get("X", "")}
        for name in INPUTS[1:]:
            if name not in given:
                continue
            found = self.values.of(self.scope, given[name])
            if not isinstance(found, Unknown):
                arrays[name] = found
            elif name in ("W", "R", "B", "P"):
                self.refuse(f"has weights that are not constant: {name}: {found.why}")
            elif not (found.given and self.scope.bound and "left out" in found.why):
                opened[name] = given[name]
        for name in ("W", "R"):
            if name not in arrays:
                self.refuse(f"has no {name}")
        T, B = self._sizes(given["X"], attributes.get("layout", 0)) if "X" in given else (None, None)
        keys, weights = self._keys(attributes, arrays)
        return Layer(
            self.where,
            self.node,
            max(self.scope.opsets.get(domain, 0) for domain in OWN_DOMAIN) or 1,
            ir_version,
            keys,
            weights,
            arrays,
            opened,
            self.scope.outer is None and not self.scope.where,
            T,
            B,
            tuple(self.notes),
        )

    def _keys(self, attributes: dict[str, Any], arrays: dict[str, Array]) -> tuple[dict[str, Any], Weights]:
        direction = attributes.get("direction", "forward")
        if direction not in ("forward", "reverse", "bidirectional"):
            self.refuse(f"has the direction {shortened(repr(direction))}; ONNX has forward, reverse and bidirectional")
        D = 2 if direction == "bidirectional" else 1
        W, R = arrays["W"], arrays["R"]
        if W.dtype not in _DTYPES:
            self.refuse(f"has weights of the type {W.dtype}; the operator takes {', '.join(_DTYPES.values())}")
        H = R.shape[-1] if R.ndim == 3 else 0
        I = W.shape[-1] if W.ndim == 3 else 0
        wanted = {"W": (D, 4 * H, I), "R": (D, 4 * H, H), "B": (D, 8 * H), "P": (D, 3 * H)}
        for name, shape in wanted.items():
            if name in arrays and (arrays[name].shape != shape or 0 in shape):
                self.refuse(f"has {name} of shape {arrays[name].shape}; with direction {direction} it needs {shape}")
            if name in arrays and arrays[name].dtype != W.dtype:
                self.refuse(f"has {name} in {arrays[name].dtype} and W in {W.dtype}")
            if name in arrays and not np.isfinite(arrays[name].astype(np.float64)).all():
                self.refuse(f"has NaN or infinity in {name}")
        if (size := attributes.get("hidden_size", H)) != H:
            self.refuse(f"has hidden_size {size}, but R is {R.shape}")
        keys: dict[str, Any] = {"I": I, "H": H, "dtype": _DTYPES[W.dtype]}
        keys |= {"direction": direction} if direction != "forward" else {}
        keys |= {"bias": False} if "B" not in arrays else {}
        keys |= {"peephole": True} if "P" in arrays else {}
        keys |= {"layout": "batch_major"} if self._flag(attributes, "layout") else {}
        keys |= {"coupling": "forget=1-input"} if self._flag(attributes, "input_forget") else {}
        clip = attributes.get("clip", 0.0)
        if clip < 0 or not np.isfinite(clip):
            self.refuse(f"has the clip {clip}")
        if "clip" in attributes and clip == 0:
            self.notes.append("clip is 0, which is taken as no clip; some engines refuse it")
        keys |= {"gate_clip": {"bound": float(clip), "reading": "gates"}} if clip else {}
        keys |= self._activations(attributes, D)
        present = {name: arrays[name] for name in "WRBP" if name in arrays}
        return keys, Weights(tuple(_row({name: array[d] for name, array in present.items()}) for d in range(D)))

    def _flag(self, attributes: dict[str, Any], name: str) -> bool:
        value = attributes.get(name, 0)
        if value not in (0, 1):
            self.refuse(f"has {name} {value}; it is 0 or 1")
        return bool(value)

    def _activations(self, attributes: dict[str, Any], D: int) -> dict[str, Any]:
        """Three for each direction. Parameters that the file leaves out are the operator's defaults, and stay out."""
        names = attributes.get("activations")
        alphas, betas = (list(attributes.get(f"activation_{name}", ())) for name in ("alpha", "beta"))
        if names is None:
            if alphas or betas:
                self.refuse("has parameters of activations, but no activations")
            return {}
        if len(names) != 3 * D:
            self.refuse(f"has {len(names)} activations; it needs {3 * D}, three for each direction")
        found: list[Any] = []
        for name in names:
            ours = _FROM_ONNX.get(name.lower())
            if ours is None:
                known = ", ".join(NAMES.values())
                self.refuse(f"has the activation {shortened(repr(name))}; ONNX has {known}")
            takes = PARAMETERS.get(str(ours), ())
            parameters = {
                p: float(values.pop(0)) for p, values in (("alpha", alphas), ("beta", betas)) if p in takes and values
            }
            if takes and not parameters:
                found.append({"name": ours, "defaults": "onnx"})
            else:
                if missing := [p for p in takes if p not in parameters]:
                    self.refuse(f"gives {name} no {missing[0]}, but other parameters")
                found.append({"name": ours, **parameters} if parameters else ours)
        if alphas or betas:
            self.refuse("has more parameters of activations than its activations take")
        sets = [dict(zip(("gate", "cell", "hidden"), found[3 * d : 3 * d + 3], strict=True)) for d in range(D)]
        if all(each == {"gate": "sigmoid", "cell": "tanh", "hidden": "tanh"} for each in sets):
            return {}
        return {"activations": sets[0] if all(each == sets[0] for each in sets) else sets}

    def _sizes(self, x: str, layout: int) -> tuple[Size, Size]:
        """T and B of X as far as the file says them."""
        sizes = sizes_of(self.scope, x, self.values)
        if sizes is None or len(sizes) != 3:
            return None, None
        return (sizes[1], sizes[0]) if layout else (sizes[0], sizes[1])

    def refuse(self, why: str) -> NoReturn:
        """Raise ModelError."""
        raise ModelError(why)


def _row(tensors: dict[str, Array]) -> LayerWeights:
    """The weights of one direction, from the operator's W (4H, I), R (4H, H), B (8H) and P (3H)."""
    (_, I), (_, H) = tensors["W"].shape, tensors["R"].shape
    if "B" in tensors:
        return unpack(ONNX, tensors, I, H)
    without = unpack(ONNX, tensors | {"B": np.zeros(8 * H, tensors["W"].dtype)}, I, H)
    return replace(without, b_w=None, b_r=None)


def layer_of(scope: Scope, place: int, node: Any, values: Values, ir_version: int) -> Layer | NotUsed:
    """What an LSTM node is, or why it cannot become a case."""
    where = f"LSTM {named(node, place)}" + (f", in {scope.where}" if scope.where else "")
    try:
        return _Read(scope, scope.resolved(node), values, where).layer(ir_version)
    except ModelError as error:
        return NotUsed(where, "LSTM", str(error))
