"""ncnn: its layer LSTM, in models written for each case.

The layers, their parameters and their weights: docs/developer-guide/operators.md in https://github.com/Tencent/ncnn;
the kernel: src/layer/lstm.cpp and src/layer/x86/lstm_x86.cpp there. The page says that the layer takes a single
input if bidirectional; the kernel takes both states in every direction.

- One bias, gates in the order I F O G, float32. No options but a projection: its hidden size is told from the number of
  outputs, and there are weights for it only if the two differ.
- A sequence is (T, I); rows are the batch of a `Mat` (`batch_index`), of which there has to be at least one. The
  runtime calls the layer for one row after the other, so there are no lengths.
- The final states are outputs like y; either both initial states are given or neither.

What reduces precision or rearranges numbers is switched off. A `Mat` of a batch is a copy of the array that it is made
from; any other refers to it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from conformance.adapters.base import Adapter, Model, zeros_if_absent
from conformance.adapters.capabilities import Capabilities
from conformance.adapters.layouts import Layout, pack
from conformance.case.errors import UnsupportedOption
from conformance.case.model import Case
from conformance.case.tensors import Array, Inputs, Outputs, Weights

LAYOUT = Layout("ifog", {"weight_xc": ("W",), "bias_c": ("b",), "weight_hc": ("R",)}, projection="weight_hr")
_DIRECTIONS = {"forward": 0, "reverse": 1, "bidirectional": 2}
_OFF = (
    *("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_packed", "use_bf16_storage"),
    "use_packing_layout",
)
_MAGIC = "7767517"
"""The first line of a model's text."""
_UNCOMPRESSED = np.zeros(1, "<u4").tobytes()
"""What precedes numbers of float32 in the file of weights."""


class Ncnn(Adapter):
    """One LSTM layer of ncnn per layer, InnerProduct and Softmax for the head."""

    name = "ncnn"
    capabilities = Capabilities(directions=frozenset(_DIRECTIONS), projection=True, softmax=True)

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        import ncnn

        self._ncnn: Any = ncnn

    @property
    def versions(self) -> dict[str, str]:
        """ncnn's version."""
        return {"ncnn": str(self._ncnn.__version__)}

    @property
    def settings(self) -> dict[str, str]:
        """The options of a net that decide about precision, and its number of threads."""
        options = self._net().opt
        return {f"ncnn.{name}": str(getattr(options, name)) for name in (*_OFF, "num_threads")}

    def prepare(self, case: Case, weights: Weights) -> Model:
        """A net that takes states, and one that takes none, each when it is needed."""
        if case.B == 0 or 0 in (case.calls or ()):
            raise UnsupportedOption("ncnn: the batch of a Mat has at least one row")
        if case.P == case.H:
            raise UnsupportedOption("ncnn: the layer has weights of a projection only if it changes the size")
        nets: dict[bool, Any] = {}

        def net(has_states: bool) -> Any:
            if has_states not in nets:
                nets[has_states] = self._load(_text(case, has_states), _content(case, weights))
            return nets[has_states]

        def model(inputs: Inputs) -> Outputs:
            given = {"x": inputs.x}
            if inputs.h0 is not None or inputs.c0 is not None:
                for name, states in zip("hc", zeros_if_absent(case, inputs), strict=True):
                    given |= {f"{name}0.{layer}": each for layer, each in enumerate(_by_layer(case, states))}
            return self._called(case, net(len(given) > 1), given)

        net(case.h0 is not None or case.c0 is not None)
        return model

    def _net(self) -> Any:
        net = self._ncnn.Net()
        for name in _OFF:
            setattr(net.opt, name, False)
        net.opt.num_threads = 1
        return net

    def _load(self, text: str, content: bytes) -> Any:
        net = self._net()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model.bin")
            path.write_bytes(content)
            if net.load_param_mem(text) != 0 or net.load_model(str(path)) != 0:
                raise RuntimeError("ncnn does not load the model")
        return net

    def _called(self, case: Case, net: Any, given: dict[str, Array]) -> Outputs:
        """What a net answers; the second axis of everything is that of the rows."""
        with net.create_extractor() as extractor:
            extractor.set_light_mode(False)  # what is an output is also the input of the next layer
            for name, array in given.items():
                if extractor.input(name, self._ncnn.Mat(np.array(array, order="C"), batch_index=1)) != 0:
                    raise RuntimeError(f"ncnn does not take the input {name}")

            def output(name: str) -> Array:
                failed, found = extractor.extract(name)
                if failed:
                    raise RuntimeError(f"ncnn does not compute {name}: error {failed}")
                return np.array(found.numpy(batch_index=1))

            layers = range(case.layers)
            found = {"y": output(f"y.{case.layers - 1}")}
            found |= {f"{s}_n": np.concatenate([output(f"{s}.{layer}") for layer in layers]) for s in "hc"}
            for name in ("logits", "probabilities"):
                if name in case.outputs:
                    every = output(name)
                    found[name] = every if case.head and case.head.after == "every_step" else every[-1]
        return found


def _by_layer(case: Case, states: Array) -> list[Array]:
    """The states (L*D, B, .) of all layers, as (D, B, .) of each."""
    return np.split(states, case.layers)


def _text(case: Case, has_states: bool) -> str:
    """A model: its layers, each with its type, name, numbers of inputs and outputs, these, and its parameters."""
    lines = ["Input x 0 1 x"]
    y = "x"
    for layer in range(case.layers):
        states = [f"h0.{layer}", f"c0.{layer}"] if has_states else []
        lines += [f"Input {name} 0 1 {name}" for name in states]
        blobs = " ".join([y, *states, f"y.{layer}", f"h.{layer}", f"c.{layer}"])
        size = case.D * 4 * case.H * case.input_size(layer)
        parameters = f"0={case.output_size} 1={size} 2={_DIRECTIONS[case.direction]} 3={case.H}"
        lines.append(f"LSTM lstm.{layer} {1 + len(states)} 3 {blobs} {parameters}")
        y = f"y.{layer}"
    if case.head is not None:
        size = case.head.O * case.D * case.output_size
        lines.append(f"InnerProduct head 1 1 {y} logits 0={case.head.O} 1=1 2={size}")
        if case.head.softmax:
            lines.append("Softmax softmax 1 1 logits probabilities 0=-1 1=1")
    blobs_made = sum(int(line.split()[3]) for line in lines)
    return "\n".join([_MAGIC, f"{len(lines)} {blobs_made}", *lines, ""])


def _content(case: Case, weights: Weights) -> bytes:
    """The weights of a model, in the order of its layers."""
    parts: list[bytes] = []
    for layer in range(case.layers):
        rows = [pack(LAYOUT, row) for row in weights.rows[layer * case.D : (layer + 1) * case.D]]
        parts += [_UNCOMPRESSED + _floats(row[name] for row in rows) for name in rows[0]]
    if weights.W_y is not None and weights.b_y is not None:
        parts += [_UNCOMPRESSED + _floats([weights.W_y]), _floats([weights.b_y])]
    return b"".join(parts)


def _floats(arrays: Iterable[Array]) -> bytes:
    return b"".join(array.astype("<f4").tobytes() for array in arrays)
