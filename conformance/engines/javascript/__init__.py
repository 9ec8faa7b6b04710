"""JavaScript engines through harnesses in Node.js, two of them in Chromium.

The packages are those of package-lock.json, installed by `conformance engines install javascript`. Each harness is a
module beside this one; harness.mjs and safetensors.mjs are what they share. What an engine's interface accepts is in
the JSON file of its name, from these documents:

tfjs-*                 https://js.tensorflow.org/api/4.22.0/#layers.lstm, and there layers.bidirectional and masking. It
                       is a port of Keras 2, so y at a masked step is the y before it.
onnxruntime-*          as conformance.adapters.onnxruntime_lstm: it is the same engine.
webnn                  https://www.w3.org/TR/webnn/#api-mlgraphbuilder-lstm. In its lstmCell the output gate's peephole
                       sees the cell before the step.
webnn-onnxruntime-web  https://github.com/microsoft/onnxruntime/blob/main/js/web/docs/webnn-operators.md
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from conformance.adapters.harness.adapter import ShippedHarness
from conformance.engines import state, table

FOLDER_VARIABLE = "LSTM_JAVASCRIPT"
"""The environment variable by which a harness finds the folder that has `node_modules`."""


class _InNode(ShippedHarness):
    """A harness beside this module, with the packages that were installed for it."""

    @classmethod
    def environment(cls) -> Mapping[str, str]:
        """With the folder of the packages. Raises AdapterUnavailable if they are not installed."""
        (engine,) = table.engines_named(["javascript"])
        return os.environ | {FOLDER_VARIABLE: str(state.home_of(engine, cls.name))}


class TfjsCpu(_InNode):
    """TensorFlow.js, whose backend is JavaScript."""

    command = ("node", "tfjs.mjs", "cpu")
    described = "tfjs-cpu.json"


class TfjsWasm(_InNode):
    """TensorFlow.js, whose backend is WebAssembly."""

    command = ("node", "tfjs.mjs", "wasm")
    described = "tfjs-wasm.json"


class OnnxRuntimeNode(_InNode):
    """onnxruntime-node: the native library behind JavaScript."""

    command = ("node", "onnxruntime.mjs", "onnxruntime-node")
    described = "onnxruntime-node.json"


class OnnxRuntimeWeb(_InNode):
    """onnxruntime-web, compiled to WebAssembly, in Node.js."""

    command = ("node", "onnxruntime.mjs", "onnxruntime-web")
    described = "onnxruntime-web.json"


class WebNN(_InNode):
    """WebNN's own LSTM operator in Chromium."""

    command = ("node", "webnn.mjs")
    described = "webnn.json"


class WebNNOnnxRuntimeWeb(_InNode):
    """onnxruntime-web's WebNN provider in Chromium."""

    command = ("node", "webnn-onnxruntime-web.mjs")
    described = "webnn-onnxruntime-web.json"
