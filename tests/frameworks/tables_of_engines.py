"""Which cases the adapters of the engines in conformance/engines must answer; see tables_of_frameworks.py."""

from __future__ import annotations

from collections.abc import Iterable

from agreement import Fields
from tables_of_frameworks import KERAS_EXPORTED
from topics import (
    ACTIVATIONS,
    BATCH_MAJOR,
    BATCH_MAJOR_LENGTHS,
    BATCH_MAJOR_ROWS,
    BIDIRECTIONAL,
    CALLS,
    CELL_CLIP,
    CELL_CLIPS,
    CLIPPED_OR_COUPLED,
    GRADIENTS,
    HARD_SIGMOIDS,
    HEAD,
    HOLES,
    LAST_HEAD,
    LENGTHS,
    LENGTHS_FROM_ZERO,
    NARROW_PROJECTION,
    NO_ROWS,
    NO_STATES,
    NOT_FINITE,
    ONE_FOR_BOTH,
    ONE_STEP,
    PEEPHOLE,
    PEEPHOLES,
    POISON,
    PROJECTION,
    RAGGED,
    RELU,
    REVERSE,
    SHAPES,
    SIZES,
    SMALLEST,
    in_formats,
    shared_activations,
)

# JAX compiles each of these anew, so a few rows stand for all.
FLAX: list[Fields] = [
    *SHAPES[::5],
    *LENGTHS[:4],
    *BATCH_MAJOR_LENGTHS[1:],
    *CALLS[2:],
    *POISON[::3],
    *shared_activations(["leaky_relu", "thresholded_relu", "softplus", "elu"])[:4],
    {"activations": ONE_FOR_BOTH, "layers": 2} | BIDIRECTIONAL,
    {"activations": {"gate": HARD_SIGMOIDS[0]}, "B": 0},
    *GRADIENTS[1:8:2],
    {"lengths": (3, 5, 2), "gradients": "whole"} | BIDIRECTIONAL,
    *in_formats("float64 float16 bfloat16", [{"lengths": (3, 5, 2)} | REVERSE | HEAD]),
]
HAIKU: list[Fields] = [
    *(fields for fields in SHAPES[::4] if "forget_bias" not in fields),  # it takes a single one
    REVERSE | {"layers": 3},
    {"forget_bias": 1.0},
    {"forget_bias": 1.0, "layers": 2, "dtype": "bfloat16"} | REVERSE,
    *BATCH_MAJOR_ROWS[3:],
    *POISON[::3],
    *NO_ROWS,
    *GRADIENTS[1:5],
    *in_formats("float64 float16 bfloat16", [{"layers": 2} | HEAD]),
]
# Each case compiles something, so a few rows stand for all.
PADDLE: list[Fields] = [
    *SHAPES[::4],
    {"lengths": (3, 5, 2)} | BIDIRECTIONAL | {"layers": 2} | HEAD,
    {"lengths": (3, 5, 2)} | BATCH_MAJOR,
    {"lengths": (0, 4, 2), "c0": None},
    *CALLS[2:],
    {"dtype": "float64", "layers": 2} | BIDIRECTIONAL,
]
PADDLE_PROJECTED: list[Fields] = [
    PROJECTION,
    PROJECTION | {"lengths": (3, 5, 2), "layers": 3} | BIDIRECTIONAL,
    *GRADIENTS,
    PROJECTION | {"T": 4, "gradients": "whole"} | BIDIRECTIONAL,
]
NCNN: list[Fields] = [
    *(fields for fields in SHAPES if "forget_bias" not in fields),
    *CALLS,
    *SIZES,
    *(PROJECTION | fields for fields in (NO_STATES, REVERSE, BIDIRECTIONAL | {"layers": 3} | HEAD, {"blocks": (1, 4)})),
    NARROW_PROJECTION | REVERSE,
    REVERSE | {"layers": 2} | HEAD,
    LAST_HEAD,
    {"head": {"O": 3, "softmax": True}},
]
MLX: list[Fields] = [*in_formats("float32 float16 bfloat16", [*SHAPES, *BATCH_MAJOR_ROWS, *NO_ROWS, *POISON])]
MINDSPORE: list[Fields] = [
    *in_formats("float32 float16", [*SHAPES[::4], BATCH_MAJOR | BIDIRECTIONAL | {"layers": 2} | HEAD]),
    {"calls": (2, 1), "layers": 3} | BIDIRECTIONAL,
]
# Left out because TensorFlow.js is known to get them wrong: a row whose first step is masked, with an initial h; NaN in
# a masked step; the gradient of a single step.
TFJS: list[Fields] = [
    *SHAPES[::4],
    *(fields | NO_STATES | {"padding": 2.0} for fields in LENGTHS[:4]),
    HOLES | NO_STATES,
    HOLES | NO_STATES | {"lengths_via": "upstream", "layers": 3} | REVERSE,
    BATCH_MAJOR | {"layers": 2} | HEAD,
    *shared_activations(["relu", "softsign", "softplus", "linear"])[:4],
    {"gradients": "whole", "layers": 2} | BIDIRECTIONAL,
    {"T": 5, "blocks": (2, 3), "gradients": "whole"},
    {"head": {"O": 3, "cross_entropy": True}, "gradients": "whole"},
    {"head": {"O": 3, "softmax": True}},
    {"blocks": (3, 1, 1)} | NO_STATES | LAST_HEAD,
]
WEBNN: list[Fields] = [
    *SHAPES[::4],
    {"peephole": True, "output_peephole": "previous-cell"} | BIDIRECTIONAL,
    {"dtype": "float16", "layers": 2} | HEAD,
    {"activations": {"cell": "relu", "hidden": "sigmoid"}} | REVERSE,
    {"head": {"O": 3, "softmax": True}},
    {"blocks": (3, 1, 1)} | NO_STATES | LAST_HEAD,
    {"B": 9, "calls": (2, 4, 3), "layers": 2, "h0": None},
]
IN_NODE_ONNX: list[Fields] = [
    *(*SHAPES[::4], *LENGTHS[:2], *LENGTHS_FROM_ZERO[:2], *ACTIVATIONS[::9], *CALLS[:2], *PEEPHOLES[:1]),
]

# onnxruntime is known to take the padding into the range of x, and torch refuses to quantise an LSTM without biases.
INTEGERS_OF_ONNX: list[Fields] = [
    fields for fields in (*SHAPES, *CALLS, *PEEPHOLES, *CLIPPED_OR_COUPLED) if "lengths" not in fields
]
INTEGERS_OF_TORCH: list[Fields] = [
    fields for fields in (*SHAPES, *LENGTHS, *CALLS, *BATCH_MAJOR_ROWS) if fields.get("bias", True)
]
WITHOUT_OPTIONS: list[Fields] = [
    {},
    ONE_STEP,
    SMALLEST,
    {"T": 20, "B": 7, "I": 3, "H": 17},
    {"layers": 2} | HEAD,
    {"layers": 3} | LAST_HEAD,
    {"layers": 2} | BIDIRECTIONAL,
    {"blocks": (2, 2, 1), "layers": 2},
    {"calls": (2, 1), "layers": 2} | BIDIRECTIONAL,
]
"""For the engines that ignore most of ONNX's options."""

LOWERED: list[Fields] = [BATCH_MAJOR | BIDIRECTIONAL | {"T": 2, "layers": 2} | HEAD, {"T": 2} | NARROW_PROJECTION]

AGREE: dict[str, Iterable[Fields]] = {
    # Its activations but tanh are known to be wrong.
    "tflite-micro": [*SHAPES, *CALLS, *CELL_CLIPS[:1], *BATCH_MAJOR_ROWS, *POISON, CELL_CLIP | {"layers": 2}],
    "torch-quantizable": [*SHAPES, *CALLS, *BATCH_MAJOR_ROWS, *POISON],
    "torch-int8": INTEGERS_OF_TORCH,
    "keras-torch-onnxruntime": KERAS_EXPORTED[:6],
    # Lengths, and the states of a stack, are known to be lost.
    "paddle-onnxruntime": [{"c0": None} | HEAD, BATCH_MAJOR | BIDIRECTIONAL | NO_STATES | HEAD],
    "executorch": LOWERED,
    "torch-litert": LOWERED,
    "onnxruntime-int8": INTEGERS_OF_ONNX,
    "onnxruntime-int8-by-row": INTEGERS_OF_ONNX,
    "flax": FLAX,
    "flax-linen": FLAX,
    "haiku": HAIKU,
    "equinox": HAIKU,
    "jax-rnn": [*FLAX, *BATCH_MAJOR_ROWS],
    "opencv": [*WITHOUT_OPTIONS, *NOT_FINITE, NO_STATES | {"bias": False}, {"c0": None}, *SIZES],
    "tract": [*in_formats("float32 float16", [*WITHOUT_OPTIONS, PEEPHOLE, {"bias": False}, BATCH_MAJOR | HEAD])],
    "iree": [{"layers": 2} | BIDIRECTIONAL | HEAD, {"blocks": (2, 3), "h0": None}, {"dtype": "bfloat16"}],
    "mnn": [*WITHOUT_OPTIONS, NO_STATES | {"bias": False}, RELU, {"h0": None}],
    "ncnn": NCNN,
    "paddle": [*PADDLE, *PADDLE_PROJECTED, *SIZES],
    "paddle-static": [*PADDLE[::2], *PADDLE_PROJECTED[:-1:2]],
    "paddle-inference": PADDLE[::2],
    "mlx": MLX,
    "mindspore": MINDSPORE,
    "tinygrad": [ONE_STEP, ONE_STEP | HEAD, {"T": 4, "blocks": (1, 1, 1, 1), "bias": False} | NO_STATES],
    **dict.fromkeys(("tfjs-cpu", "tfjs-wasm"), TFJS),
    **dict.fromkeys(("onnxruntime-node", "onnxruntime-web"), IN_NODE_ONNX),
    **dict.fromkeys(("webnn", "webnn-onnxruntime-web"), WEBNN),
}

CALLED: dict[str, list[Fields]] = {
    "tflite-micro": [{"layers": 2} | HEAD, {"h0": None}],
    "torch-quantizable": [BIDIRECTIONAL | {"layers": 2} | HEAD],
    "torch-int8": [BIDIRECTIONAL | {"layers": 2} | HEAD],
    "keras-torch-onnxruntime": [REVERSE | {"lengths": (4, 5, 2)}],
    "paddle-onnxruntime": [BIDIRECTIONAL | HEAD],
    "executorch": [{"T": 2} | HEAD],
    "torch-litert": [{"T": 2} | HEAD],
    "onnxruntime-int8": [BIDIRECTIONAL | HEAD],
    "onnxruntime-int8-by-row": [BIDIRECTIONAL | HEAD],
    "flax": [BIDIRECTIONAL | RAGGED | HEAD, {"gradients": "whole"}],
    "flax-linen": [BIDIRECTIONAL | RAGGED | HEAD, {"gradients": "whole"}],
    "haiku": [{"layers": 2} | HEAD, {"gradients": "whole"}],
    "equinox": [{"layers": 2} | HEAD, {"gradients": "whole"}],
    "jax-rnn": [BIDIRECTIONAL | RAGGED, {"gradients": "whole"}],
    "opencv": [BIDIRECTIONAL | HEAD | {"layers": 2}],
    "tract": in_formats("float32 float16", [BIDIRECTIONAL | HEAD | {"layers": 2}]),
    "iree": [{"dtype": "float16"}],
    "mnn": [BIDIRECTIONAL | HEAD],
    "ncnn": [BIDIRECTIONAL | HEAD, PROJECTION | REVERSE],
    "paddle": [BIDIRECTIONAL | {"lengths": (3, 5, 2)} | HEAD, {"gradients": "whole"}],
    "paddle-static": [BIDIRECTIONAL | {"lengths": (3, 5, 2)} | HEAD],
    "paddle-inference": [BIDIRECTIONAL | {"lengths": (3, 5, 2)} | HEAD],
    "mlx": in_formats("float32 bfloat16", [{"layers": 2} | HEAD]),
    "mindspore": [BIDIRECTIONAL | HEAD],
    "tinygrad": [ONE_STEP | HEAD],
    **{key: [BIDIRECTIONAL | HEAD, {"gradients": "whole"}] for key in ("tfjs-cpu", "tfjs-wasm")},
    **{key: [BIDIRECTIONAL | RAGGED | HEAD] for key in ("onnxruntime-node", "onnxruntime-web")},
    **{key: [BIDIRECTIONAL | HEAD] for key in ("webnn", "webnn-onnxruntime-web")},
}
