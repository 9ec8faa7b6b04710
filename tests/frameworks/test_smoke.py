"""Every adapter whose framework is installed is sound: it passes on what it declares and keeps no state."""

import os
import re

import pytest
from agreement import ADAPTERS, row

from conformance.adapters import registry
from conformance.case.errors import AdapterUnavailable
from conformance.data import default_folders
from conformance.results.deviations import load_deviations
from conformance.run.smoke import Smoke

REFUSED = {
    # The operator has it, but onnxruntime refuses it.
    **{key: {"batch_major/layout"} for key in ("onnxruntime", "onnxruntime-node", "onnxruntime-web")},
    "torch-int8": {"bias/absent"},
    "paddle-onnxruntime": {"bias/absent"},
    "torch-torchscript-onnxruntime": {"weights/projection"},  # and so do the exporters
    "torch-dynamo-onnxruntime": {
        *("lengths/each", "lengths/common", "lengths/padding", "lengths_via/packed", "lengths_via/packed-sorted"),
        *("lengths_via/packed-same", "lengths_via/packed-sorted-same", "blocks/lengths", "crossed/lengths"),
    },
    "haiku": {"forget_bias/given", "forget_bias/value"},  # it has one, but of 1 only
}
"""What the framework itself refuses; a later release may accept it."""

_ONNXRUNTIME_INT8 = {
    "lengths/padding",
    *(f"activations/{place}-thresholded_relu-defaults-onnx" for place in ("gate", "cell", "hidden")),
}
UNTOLD = {
    "onnxruntime-int8": _ONNXRUNTIME_INT8,
    "onnxruntime-int8-by-row": _ONNXRUNTIME_INT8,
    "opencv": {
        *("bias/absent", "crossed/blocks", "crossed/reverse", "crossed/reverse-2", "crossed/reverse-3"),
        *("crossed/second-direction-2", "crossed/second-direction-3"),
    },
    "tract": {
        *("states/absent", "direction/reverse", "crossed/reverse", "crossed/reverse-2", "crossed/reverse-3"),
        "crossed/second-direction",
    },
}
"""What fails because of a known deviation that smoke cannot tell: the framework raises on a valid case, no case of the
kind is judged in the adapter's precision, or no mistake stands for it (the scale of x is found over the padding, too).
"""

COMPILED = (
    *("keras-jax", "torch-dynamo-onnxruntime", "torch-torchscript-onnxruntime", "keras-onnxruntime"),
    *("keras-torch-onnxruntime", "paddle-onnxruntime", "executorch", "torch-litert"),
    *("flax-linen", "haiku", "equinox", "jax-rnn", "iree"),
    *("paddle-static", "paddle-inference", "tinygrad", "mindspore"),
)
"""Every check compiles or exports a model, and other adapters here test the same layer in full: its activations, each
gate of its tensors and each row of a stack are left to them. Of the other checks every third is made, or all of them
with LSTM_EVERY_CHECK=1, as in `tox -e everything`.
"""
ASKED_OF_OTHERS = re.compile(r"activations/.*|weights/\w+-[ifgo]|(weights|inputs)/\w+\.[0-9]")


def untold(adapter: str) -> set[str]:
    """What fails because of a known deviation that smoke cannot tell, on this machine's processor."""
    found = UNTOLD.get(adapter, set())
    if adapter.startswith("onnxruntime-int8") and registry.make(adapter).products == "saturated":
        found = found | {"inputs/rows-apart"}  # where a sum is cut off depends on the scale, which the rows share
    return found


@pytest.mark.workers
@pytest.mark.parametrize("adapter", [row(name) for name in ADAPTERS])
def test_is_sound(adapter: str) -> None:
    try:
        deviations = load_deviations(default_folders().deviations, adapter)
        smoke = Smoke(adapter, deviations)
        if adapter in COMPILED:
            every = 1 if os.environ.get("LSTM_EVERY_CHECK") else 3
            checks = [check for check in smoke.checks if not ASKED_OF_OTHERS.fullmatch(check)]
            smoke = Smoke(adapter, deviations, tuple(checks[::every]))
        findings = list(smoke.findings())
    except AdapterUnavailable as error:
        pytest.skip(str(error))
    wrong = {finding.check: finding.message() for finding in findings if finding.outcome in ("failed", "waits")}
    if "not installed: conformance engines install" in wrong.get("frames/describe", ""):
        pytest.skip(wrong["frames/describe"].splitlines()[1].strip())
    made = {finding.check for finding in findings}
    assert wrong.keys() == untold(adapter) & made, "\n\n".join(["", *wrong.values()])
    refused = {finding.check for finding in findings if finding.outcome == "refused"}
    assert refused == REFUSED.get(adapter, set()) & made
