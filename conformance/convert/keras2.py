"""Keras 2's LSTM and CuDNNLSTM in tf_keras, for the proof of a move: no adapter of the suite has them.

tf_keras's own conversion of CuDNNLSTM's weights is used, the one with which it loads HDF5 files of Keras 2. It runs in
a process of its own, because TensorFlow has one Keras in a process.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

import numpy as np

from conformance.adapters.layouts import pack
from conformance.case.model import Case
from conformance.case.options import Activation
from conformance.case.tensors import Arrays, from_bytes, to_bytes
from conformance.run.commands import completed
from conformance.run.messages import Answer, Computed, NotLoaded, Raised, Refused
from conformance.weights.named import NAMED, Named

LAYOUTS = frozenset({"keras2", "keras2-cudnn"})
_SECONDS = 300.0
_PLAIN = ("sigmoid", "tanh", "relu", "linear", "softsign", "softplus")
_HARD_SIGMOID = Activation(name="hard_sigmoid", alpha=0.2, beta=0.5)
_NAMES = ("kernel", "recurrent_kernel", "bias")


def version() -> str:
    """The version of tf_keras; empty if it is not installed."""
    try:
        return version_of("tf_keras")
    except PackageNotFoundError:
        return ""


def answer(named: Named, case: Case, arrays: Arrays) -> Answer | NotLoaded:
    """What tf_keras makes of the case with weights in a layout of Keras 2."""
    if not version():
        return NotLoaded("tf_keras is not installed: pip install tf_keras")
    for activations in case.activations:
        for each in (activations.gate, activations.cell):
            if each.name not in _PLAIN and each != _HARD_SIGMOID:
                return Refused(f"Keras 2 has no {each}", 0.0)
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        asked, told = Path(folder) / "asked", Path(folder) / "told"
        asked.write_bytes(to_bytes(arrays.flat))
        words: list[str | Path] = [sys.executable, "-m", __name__, named.name, case.model_dump_json(), asked, told]
        environment = os.environ | {"TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
        try:
            done = completed(words, seconds=_SECONDS, environment=environment)
        except subprocess.TimeoutExpired:
            return Raised(f"no answer within {_SECONDS:g} s")
        if done.returncode:
            return Raised((done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1])
        return Computed(told.read_bytes(), {}, case.dtype, "zeros", "initial", 0.0)


def computed(named: Named, case: Case, arrays: Arrays) -> dict[str, Any]:
    """The outputs of a case, in this process."""
    import tensorflow as tf
    import tf_keras
    from tf_keras.src.saving.legacy.hdf5_format import preprocess_weights_for_loading

    tf_keras.backend.set_floatx(case.dtype)
    y, finals = arrays.inputs.x.swapaxes(0, 1), []
    for layer in range(case.layers):
        ways = []
        for direction in range(case.D):
            row = layer * case.D + direction
            activations = case.activations_of(direction)
            made = tf_keras.layers.LSTM(
                case.H,
                activation=activations.cell.name,
                recurrent_activation=activations.gate.name,
                use_bias=case.bias,
                go_backwards=case.reverse(direction),
                return_sequences=True,
                return_state=True,
            )
            made.build((None, None, case.input_size(layer)))
            tensors = pack(named.layout, arrays.weights.rows[row])
            given = [tensors[name] for name in _NAMES if case.bias or name != "bias"]
            made.set_weights(preprocess_weights_for_loading(made, given))
            h0, c0 = arrays.inputs.h0, arrays.inputs.c0
            assert h0 is not None and c0 is not None
            states = [tf.constant(each) for each in (h0[row], c0[row])]
            found, *final = (np.asarray(each) for each in made(tf.constant(y), initial_state=states))
            ways.append(found[:, ::-1] if case.reverse(direction) else found)
            finals.append(final)
        y = np.concatenate(ways, axis=-1)
    h_n, c_n = (np.stack(each) for each in zip(*finals, strict=True))
    return {"y": np.ascontiguousarray(y.swapaxes(0, 1)), "h_n": h_n, "c_n": c_n}


def main() -> None:
    """NAME CASE ASKED TOLD: reads arrays, computes, writes outputs."""
    name, text, asked, told = sys.argv[1:]
    case = Case.model_validate_json(text)
    outputs = computed(NAMED[name], case, Arrays.from_tensors(from_bytes(Path(asked).read_bytes())))
    Path(told).write_bytes(to_bytes(outputs))


if __name__ == "__main__":
    main()
