"""The layouts that have a name: how each lies in a file, what can be said in it, and which adapter computes with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from conformance.adapters import layouts, registry
from conformance.adapters.capabilities import ActivationSupport, Capabilities, any_of
from conformance.adapters.layouts import Layout
from conformance.adapters.litert_model import LITERT
from conformance.case.errors import ConformanceError
from conformance.case.options import ActivationName
from conformance.case.tensor_table import BY_GATE
from conformance.case.text import shortened
from conformance.case.yaml_lines import parse_file

_FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})
_DIRECTIONS = frozenset({"forward", "reverse", "bidirectional"})
_EVERY = "numpy"
"""The adapter that accepts every option: of a layout without a framework, whatever its tensors can hold can be said."""


@dataclass(frozen=True)
class Named:
    """A layout with a name.

    about: whose it is, in words. adapters: those that compute with it, the first that loads is asked. accepts: the
    adapter whose capabilities say what the framework takes, or the capabilities. stacked: tensors have a leading axis
    of directions. forget_bias: what the framework adds to the forget gate's bias at run time if it is not told; None
    if it adds nothing. always_bias: a layer without a bias has one of zeros.
    hard_sigmoid: the slope of the framework's own. beware: what else the framework does unless it is told.
    """

    name: str
    layout: Layout
    about: str
    adapters: tuple[str, ...] = ()
    accepts: str | Capabilities = _EVERY
    stacked: bool = False
    forget_bias: float | None = None
    always_bias: bool = False
    hard_sigmoid: float | None = None
    beware: str = ""

    @property
    def capabilities(self) -> Capabilities:
        """What a layer in this layout can be: the framework's own interface."""
        if isinstance(self.accepts, Capabilities):
            return self.accepts
        found: Capabilities = registry.load(self.accepts).capabilities
        if self.name == "onnx":  # the operator's text can be read either way
            return replace(found, gate_clip=frozenset({"gates", "all"}))
        if self.accepts != _EVERY:
            return found
        return replace(
            found,
            peephole=found.peephole if self.layout.peephole is not None else frozenset(),
            projection=self.layout.projection is not None,
            projection_bias=False,
            layer_norm=frozenset(),
        )

    @property
    def one_bias(self) -> bool:
        """Whether it has the sum of the two biases."""
        return any("b" in parts for parts in self.layout.tensors.values())


_CUDNN = Capabilities(dtypes=_FLOATS, directions=_DIRECTIONS)
_CALLABLES = any_of(*get_args(ActivationName))
_FLAX = Capabilities(
    dtypes=_FLOATS,
    directions=_DIRECTIONS,
    activations=ActivationSupport(_CALLABLES, _CALLABLES, _CALLABLES, hidden_is_cell=True, per_direction=True),
)
"""https://flax.readthedocs.io/en/latest/api_reference/flax.linen/_autosummary/flax.linen.OptimizedLSTMCell.html"""
_KERAS = ("keras-torch", "keras-tensorflow", "keras-jax")
_CLIP = "BlockLSTM bounds the cell state by cell_clip=3 unless it is told otherwise; -1 is off"
_ROWS = (
    Named("torch", layouts.TORCH, "PyTorch's nn.LSTM and nn.LSTMCell, as in a state_dict", ("torch",), "torch"),
    Named("keras", layouts.KERAS, "Keras 3's LSTM and Bidirectional", _KERAS, "keras-torch",
          hard_sigmoid=1 / 6),
    Named("keras2", layouts.KERAS, "Keras 2's LSTM and Bidirectional", (), "keras-torch", hard_sigmoid=0.2),
    Named("keras2-cudnn", layouts.KERAS2_CUDNN, "Keras 2's CuDNNLSTM", (), _CUDNN, always_bias=True),
    Named("onnx", layouts.ONNX, "ONNX's LSTM node", ("onnxruntime", "onnx-reference"), "onnx-reference", stacked=True),
    Named("tf-block", layouts.TF_BLOCK, "TensorFlow's BlockLSTM and LSTMBlockCell", ("tf-block-lstm",),
          "tf-block-lstm", forget_bias=1.0, always_bias=True, beware=_CLIP),
    Named("tf-block-v2", layouts.TF_BLOCK_V2, "TensorFlow's BlockLSTMV2", ("tf-block-lstm-v2",), "tf-block-lstm-v2",
          always_bias=True),
    Named("tf-cell", layouts.TF1_CELL, "TensorFlow 1's LSTMCell", ("tf1-lstm-cell",), "tf1-lstm-cell",
          forget_bias=1.0, always_bias=True),
    Named("tflite", LITERT, "TensorFlow Lite's sequence LSTM operators", ("litert",), "litert", always_bias=True),
    Named("flax", layouts.FLAX, "Flax's LSTMCell and OptimizedLSTMCell", (), _FLAX, always_bias=True),
    Named("gates", layouts.ONE_PER_GATE, "one tensor per gate, gate after gate"),
)  # fmt: skip
NAMED = {row.name: row for row in _ROWS}


def layout_of(text: str) -> Named:
    """The layout of this name, or of the YAML file of this path.

    Raises:
        ConformanceError: there is none of this name, or the file does not describe one.
    """
    if text in NAMED:
        return NAMED[text]
    if not text.endswith((".yaml", ".yml")):
        known = ", ".join(NAMED)
        raise ConformanceError(f"there is no layout {shortened(text)!r}; there are {known}, or give a YAML file")
    return _from_yaml(text)


_KEYS: dict[str, type] = {"gates": str, "tensors": dict, "transposed": bool, "folded": bool, "separate": bool,
                          "peephole": str, "projection": str}  # fmt: skip


def _from_yaml(file: str) -> Named:
    """A layout whose keys are the fields of `Layout`."""
    given: Any = parse_file(Path(file), file)
    if not isinstance(given, dict):
        raise ConformanceError(f"{file}: a layout is a mapping with the keys {', '.join(_KEYS)}")
    for key, value in given.items():
        if key not in _KEYS:
            raise ConformanceError(f"{file}: a layout has no key {shortened(key)!r}; it has {', '.join(_KEYS)}")
        if not isinstance(value, _KEYS[key]):
            raise ConformanceError(f"{file}: {key} must be of type {_KEYS[key].__name__}, not {type(value).__name__}")
    if missing := [key for key in ("gates", "tensors") if key not in given]:
        raise ConformanceError(f"{file}: a layout needs {missing[0]}")
    tensors = {name: _parts(file, name, parts) for name, parts in given["tensors"].items()}
    try:
        layout = Layout(**{**given, "tensors": tensors})
    except ValueError as error:
        raise ConformanceError(f"{file}: {error}") from error
    _demand_whole(file, layout)
    return Named(file, layout, f"the layout of {file}")


def _parts(file: str, name: str, parts: Any) -> tuple[str, ...]:
    if isinstance(parts, str):
        return (parts,)
    if not isinstance(parts, list) or not parts or not all(isinstance(part, str) for part in parts):
        raise ConformanceError(f"{file}: {shortened(name)}: give a part, or a list of parts, such as [W, R]")
    return tuple(parts)


def _demand_whole(file: str, layout: Layout) -> None:
    """Checks that a layout has W and R, each part once, and a place for {gate} just where it needs one."""
    parts = [part for each in layout.tensors.values() for part in each]
    if missing := [part for part in ("W", "R") if part not in parts]:
        raise ConformanceError(f"{file}: no tensor has the part {missing[0]}")
    if twice := [part for part in parts if parts.count(part) > 1]:
        raise ConformanceError(f"{file}: two tensors have the part {twice[0]}")
    if "b" in parts and {"b_w", "b_r"} & set(parts):
        raise ConformanceError(f"{file}: b is the sum of b_w and b_r: give b, or b_w and b_r")
    if ("b_w" in parts) != ("b_r" in parts):
        raise ConformanceError(f"{file}: b_w and b_r go together; for a single bias give b")
    if norm := [part for part in parts if part in BY_GATE and part not in ("W", "R", "b_w", "b_r")]:
        raise ConformanceError(f"{file}: {norm[0]} is of a layer norm, which cannot be converted")
    names = [*layout.tensors, layout.peephole or "", layout.projection or ""]
    for name in names:
        if set("{}") & set(name.replace("{gate}", "")):  # str.format would obey what else stands in braces
            raise ConformanceError(f"{file}: {shortened(name)}: only {{gate}} may stand in braces")
        if ("{gate}" in name) != layout.separate and name in layout.tensors:
            needs = "needs {gate} in its name" if layout.separate else "has {gate} in its name but not separate: true"
            raise ConformanceError(f"{file}: {shortened(name)} {needs}")
