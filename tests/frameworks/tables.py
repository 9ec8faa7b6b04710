"""Which cases each adapter must answer. Rows that an adapter's interface does not accept are skipped.

What a framework is known to get wrong is left out here: deviations/ records it, with a reproduction that
test_deviations.py runs.
"""

from __future__ import annotations

from collections.abc import Iterable

from agreement import Fields
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
    COMMON,
    COMMON_LENGTHS,
    COUPLED_TO_FORGET,
    EMPTY_ROWS,
    FUNCTIONS,
    GATE_CLIP,
    GRADIENTS,
    HARD_SIGMOIDS,
    HEAD,
    HOLES,
    LAST_HEAD,
    LENGTHS,
    LENGTHS_FROM_ZERO,
    NAN,
    NARROW_PROJECTION,
    NO_ROWS,
    NO_STATES,
    NORM,
    NOT_FINITE,
    ONE_FOR_BOTH,
    ONE_STEP,
    PACKED,
    PEEPHOLE,
    PEEPHOLES,
    POISON,
    POISONED_ROWS,
    PROJECTION,
    PROJECTIONS,
    RAGGED,
    RELU,
    REVERSE,
    SHAPES,
    SIZES,
    SMALLEST,
    activation,
    both,
    each,
    in_formats,
    masked,
    poison,
    shared_activations,
)

ALL_FORMATS = "float32 float16 bfloat16 float64"

EVERYTHING_OF_TF1: Fields = PEEPHOLE | CELL_CLIP | PROJECTION | {"projection_clip": 0.25, "forget_bias": 0.75}
EVERYTHING_OF_LITERT: Fields = {
    **COUPLED_TO_FORGET,
    **NARROW_PROJECTION,
    "peephole": True,
    "cell_clip": 0.75,
    "projection_bias": True,
    "projection_clip": 0.5,
}
LAYERED: list[Fields] = [
    *BATCH_MAJOR_ROWS,
    *BATCH_MAJOR_LENGTHS,
    *PROJECTIONS,
    {"B": 0} | BATCH_MAJOR | BIDIRECTIONAL,
    {"B": 0} | PROJECTION,
]
TF1: list[Fields] = [
    EVERYTHING_OF_TF1,
    EVERYTHING_OF_TF1 | BIDIRECTIONAL | BATCH_MAJOR | RAGGED | {"layers": 3},
    EVERYTHING_OF_TF1 | {"layers": 3, "blocks": (2, 3)},
    EVERYTHING_OF_TF1 | poison("h0", 0, 2, 1),
    {"lengths": (3, 0, 2), "padding": NAN, "lengths_via": "argument"},
    {"lengths": (0, 4, 2), "padding": NAN, "layers": 3} | BIDIRECTIONAL | HEAD | PROJECTION,
    {"lengths": (0, 5, 0), "layers": 3} | PROJECTION,
    {"lengths": (0, 0, 0), "padding": NAN} | BIDIRECTIONAL,
    {"activations": [{}, both("softsign")]} | BIDIRECTIONAL,
]
LITERT: list[Fields] = [
    {},
    SMALLEST,
    {"T": 20, "B": 7, "I": 3, "H": 17},
    {"bias": False, "c0": None},
    {"layers": 3, "h0": None},
    NO_STATES | HEAD,
    {"layers": 2} | LAST_HEAD,
    {"H": 129, "I": 131, "T": 3},
    BATCH_MAJOR | {"layers": 2} | HEAD,
    BATCH_MAJOR | LAST_HEAD,
    BATCH_MAJOR | NARROW_PROJECTION | {"blocks": (2, 2, 1)},
    {"blocks": (2, 2, 1), "layers": 2, "c0": None},
    {"blocks": (1, 1, 1, 1, 1)} | HEAD | NO_STATES,
    {"B": 9, "calls": (2, 4, 3), "layers": 2, "h0": None},
    {"B": 9, "calls": (3, 3, 3)} | NO_STATES,
    BIDIRECTIONAL | {"layers": 2} | HEAD,
    BIDIRECTIONAL | RELU | {"c0": None},
    BIDIRECTIONAL | EVERYTHING_OF_LITERT,
    RELU | COUPLED_TO_FORGET,
    NORM | {"bias": False},
    NORM | {"peephole": True, "layers": 2},
    NORM | EVERYTHING_OF_LITERT,
    NORM | EVERYTHING_OF_LITERT | BATCH_MAJOR | {"layers": 2, "h0": None},
    {"P": 9, "projection_bias": True, "layers": 2},
]
# An export may take seconds, so a few rows stand for all.
KERAS_EXPORTED: list[Fields] = [
    {"layers": 2, "c0": None} | HEAD,
    REVERSE | NO_STATES | {"bias": False},
    BIDIRECTIONAL | {"layers": 2} | HEAD,
    {"blocks": (3, 1, 1)} | NO_STATES | LAST_HEAD,
    {"lengths": (3, 5, 2)} | REVERSE,
    {"lengths": (3, 5, 2)} | BIDIRECTIONAL,
    SMALLEST | {"lengths": (1,)},
    {"activations": [ONE_FOR_BOTH[0], {"gate": HARD_SIGMOIDS[0]}]} | BIDIRECTIONAL,
    {"activations": {"gate": activation("hard_sigmoid"), **both(activation("relu"))}},
    HOLES | REVERSE,
    HOLES | NO_STATES | {"lengths_via": "upstream", "layers": 3},
    {"lengths": (3, 0, 5), "calls": (1, 2), "layers": 2},
    {"activations": {"gate": {"name": "hard_sigmoid", "defaults": "keras"}}} | BATCH_MAJOR,
]
DYNAMO: list[Fields] = [
    {"T": 4, "B": 1, "blocks": (2, 2), "bias": False, "h0": None},
    BATCH_MAJOR | BIDIRECTIONAL | {"layers": 2, "calls": (2, 1)} | HEAD,
]

# Left out because Keras is known to get them wrong: a mask from upstream next to initial states; the mask behind a
# layer that runs backwards; on JAX, an initial h in front of a row's first step, and float64; on PyTorch float64 with
# masks or a head; on TensorFlow leaky_relu in float64.
KERAS_HALF: list[Fields] = [
    COMMON | {"layers": 2} | HEAD,
    RAGGED | BIDIRECTIONAL | {"activations": ONE_FOR_BOTH, "c0": None},
    REVERSE | {"activations": {"gate": HARD_SIGMOIDS[0]}, "bias": False},
    {"head": {"O": 3, "softmax": True, "cross_entropy": True}},
]
KERAS_NO_ROWS: list[Fields] = [
    *NO_ROWS,
    BIDIRECTIONAL | NO_STATES | {"B": 0, "layers": 2},
    {"B": 0, "lengths": ()} | HEAD,
]
KERAS_FLOAT64: list[Fields] = [
    {"layers": 3},
    BIDIRECTIONAL | {"c0": None},
    REVERSE | {"activations": {"gate": HARD_SIGMOIDS[1], **both(activation("elu"))}, "bias": False},
]
KERAS: list[Fields] = [
    *SHAPES,
    *shared_activations(list(FUNCTIONS)),
    *masked(states={}),
    *SIZES,
    *POISONED_ROWS,
    *GRADIENTS,
    *in_formats("float16 bfloat16", KERAS_HALF),
    *in_formats("float64", KERAS_FLOAT64),
]
KERAS_ON_JAX: list[Fields] = [
    # JAX compiles every model anew, so there are fewer rows. The adapter is the same on all backends.
    *SHAPES[1::4],
    {"B": 1},
    *shared_activations(["tanh", "hard_sigmoid"]),
    *masked(states=NO_STATES)[::2],
    *POISONED_ROWS[::3],
    *GRADIENTS[::2],
    *in_formats("bfloat16", KERAS_HALF),
    *KERAS_NO_ROWS,
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

BLOCK_OPS: list[Fields] = [*CALLS, *NO_ROWS, *NOT_FINITE, *PEEPHOLES, *CELL_CLIPS, *COMMON_LENGTHS]
ON_A_GPU: list[Fields] = [
    {},
    ONE_STEP,
    {"T": 4, "blocks": (1, 1, 1, 1)},
    BIDIRECTIONAL,
    COMMON | {"layers": 2},
    ONE_STEP | {"dtype": "float16"},
]

AGREE: dict[str, Iterable[Fields]] = {
    "torch": [
        *in_formats(ALL_FORMATS, SHAPES + LENGTHS),
        *in_formats("float32 float64 bfloat16", [*CALLS, *LAYERED, *PACKED, *NO_ROWS, *NOT_FINITE]),
        *SIZES,
        *GRADIENTS,
    ],
    "torch-cell": [
        *in_formats(ALL_FORMATS, SHAPES),
        *each([*CALLS, *NO_ROWS], ONE_STEP),
        ONE_STEP | {"gradients": "whole"},
        *({"T": 4, "blocks": (1, 1, 1, 1), "gradients": kind} for kind in ("whole", "truncated")),
    ],
    "tf-block-lstm": [
        *SHAPES,
        *in_formats("float32 float16", BLOCK_OPS),
        *GRADIENTS,
        {"lengths": (3, 3, 3), "blocks": (3, 2), "layers": 2, "gradients": "truncated"},  # no step is left in the last
        *SIZES,
    ],
    "tf-block-lstm-v2": [*SHAPES, *BLOCK_OPS, *in_formats("float16", COMMON_LENGTHS), *SIZES],
    "tf-lstm-block-cell": in_formats(
        "float32 float16", [*SHAPES, *each([*PEEPHOLES, *CELL_CLIPS], ONE_STEP), ONE_STEP | {"layers": 2}]
    ),
    "tf1-lstm-cell": [
        *in_formats("float32 float64", [{}, *CALLS, *LAYERED, *PEEPHOLES, *CELL_CLIPS, *TF1]),
        *NO_ROWS,
        *NOT_FINITE,
        *in_formats("float16 bfloat16", [EVERYTHING_OF_TF1 | {"T": 3}, BIDIRECTIONAL | {"lengths": (3, 5, 0)}]),
    ],
    "keras-tensorflow": [*KERAS, RAGGED | HEAD | {"dtype": "float64"}],
    "keras-torch": [*KERAS, *KERAS_NO_ROWS],
    "keras-jax": KERAS_ON_JAX,
    "onnxruntime": [
        *in_formats(
            "float32 float16",
            [*SHAPES, *LENGTHS, *LENGTHS_FROM_ZERO, *ACTIVATIONS, *CALLS, *PEEPHOLES, *CLIPPED_OR_COUPLED],
        ),
        *SIZES,
    ],
    # onnx's evaluator ignores sequence_lens, activations, clip and input_forget, and multiplies a peephole of 0 by c.
    "onnx-reference": [
        *in_formats(ALL_FORMATS, SHAPES),
        *in_formats("float32 float64", [*PEEPHOLES, *each(PEEPHOLES, BATCH_MAJOR), *BATCH_MAJOR_ROWS, *CALLS]),
        *POISON,
    ],
    "openvino": [*in_formats("float32 bfloat16", [*CALLS, GATE_CLIP, GATE_CLIP | BIDIRECTIONAL]), *NOT_FINITE],
    "openvino-static": [
        *in_formats(
            "float32 float16",
            [*LENGTHS_FROM_ZERO, *CALLS, GATE_CLIP, GATE_CLIP | EMPTY_ROWS | BIDIRECTIONAL],
        ),
        *NOT_FINITE,
    ],
    "torch-torchscript-onnxruntime": [
        *SHAPES,
        *LENGTHS,
        *in_formats("float16", LENGTHS),
        *BATCH_MAJOR_ROWS,
        *BATCH_MAJOR_LENGTHS,
        *PACKED,
        *CALLS,
    ],
    "torch-dynamo-onnxruntime": DYNAMO,
    "keras-onnxruntime": KERAS_EXPORTED,
    "litert": LITERT,
    **dict.fromkeys(("tfjs-cpu", "tfjs-wasm"), TFJS),
    **dict.fromkeys(("onnxruntime-node", "onnxruntime-web"), IN_NODE_ONNX),
    **dict.fromkeys(("webnn", "webnn-onnxruntime-web"), WEBNN),
    # Skipped if there is no such device.
    **dict.fromkeys(("torch@cuda", "torch-cell@cuda", "onnxruntime@cuda"), ON_A_GPU),
    **dict.fromkeys(("tf-block-lstm@gpu", "tf-block-lstm-v2@gpu", "tf-lstm-block-cell@gpu"), ON_A_GPU),
}


def of_all() -> list[Fields]:
    """All float32 rows, for the reference to answer too: that shows that the tables themselves are sound."""
    return [fields for rows in AGREE.values() for fields in rows if fields.get("dtype", "float32") == "float32"]


AGREE["numpy"] = of_all()

KERAS_CALLED: list[Fields] = [
    BIDIRECTIONAL | HEAD | {"lengths": (3, 5, 2), "dtype": "bfloat16"},
    {"layers": 2} | LAST_HEAD,
    {"gradients": "whole"},
]
CALLED: dict[str, list[Fields]] = {
    "numpy": [BIDIRECTIONAL | RAGGED | HEAD],
    "torch": [*in_formats(ALL_FORMATS, [BIDIRECTIONAL | RAGGED | HEAD]), {"gradients": "whole"}],
    "torch-cell": in_formats(ALL_FORMATS, [ONE_STEP | HEAD]),
    "tf-block-lstm": [COMMON | HEAD, {"gradients": "whole"}],
    "tf-block-lstm-v2": [COMMON | HEAD],
    "tf-lstm-block-cell": [ONE_STEP | {"layers": 2} | HEAD],
    "tf1-lstm-cell": [BIDIRECTIONAL | RAGGED | HEAD],
    "keras-tensorflow": KERAS_CALLED,
    "keras-jax": KERAS_CALLED,
    "keras-torch": KERAS_CALLED,
    "onnxruntime": in_formats("float32 float16", [BIDIRECTIONAL | RAGGED | HEAD]),
    "onnx-reference": in_formats(ALL_FORMATS, [BIDIRECTIONAL | HEAD]),
    "openvino": [{}],
    "openvino-static": [{}],
    "openvino-default": [{}],
    "torch-torchscript-onnxruntime": [BIDIRECTIONAL | RAGGED | HEAD],
    "torch-dynamo-onnxruntime": [BIDIRECTIONAL | HEAD | {"layers": 2, "c0": None}],
    "keras-onnxruntime": [REVERSE | {"lengths": (4, 5, 2)}],
    "litert": [{"layers": 2} | HEAD, BIDIRECTIONAL | {"h0": None}],
    "tfjs-cpu": [BIDIRECTIONAL | HEAD, {"gradients": "whole"}],
    "tfjs-wasm": [BIDIRECTIONAL | HEAD, {"gradients": "whole"}],
    "onnxruntime-node": [BIDIRECTIONAL | RAGGED | HEAD],
    "onnxruntime-web": [BIDIRECTIONAL | RAGGED | HEAD],
    "webnn": [BIDIRECTIONAL | HEAD],
    "webnn-onnxruntime-web": [BIDIRECTIONAL | HEAD],
}
