"""What reaches the LSTM nodes of an ONNX model when it is run once on inputs of its own.

The user has inputs of the model, not of a node deep inside. The model is run by onnxruntime, in a process of its own
and within a bounded time, with what its LSTM nodes read as further outputs.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from conformance.case.errors import ConformanceError
from conformance.case.tensors import Array
from conformance.case.text import shortened
from conformance.files import read_file
from conformance.models.inputs import LARGEST, NAMES, read_arrays
from conformance.weights.onnx_graph import Model
from conformance.weights.onnx_layer import Layer

SECONDS = 300.0
"""How long the model may take for one run."""
_MOST_FILES = 256
_RUN = """
import sys
import numpy, onnxruntime
options = onnxruntime.SessionOptions()
options.log_severity_level = 4
try:
    session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
    with numpy.load(sys.argv[2], allow_pickle=False) as given:
        found = session.run(sys.argv[4:], {name[1:]: given[name] for name in given.files})
except Exception as error:
    sys.exit(str(error))
numpy.savez(sys.argv[3], **{f"n{number}": array for number, array in enumerate(found)})
"""


def graph_inputs(model: Model) -> list[str]:
    """The names of the inputs that a user gives the model, in order."""
    stored = {tensor.name for tensor in model.proto.graph.initializer}
    return [value.name for value in model.proto.graph.input if value.name not in stored]


def given_to(model: Model, path: Path) -> dict[str, Array] | None:
    """The inputs of the model in a file or in a folder of input_0.pb, ...; None if they are those of an LSTM node.

    Raises:
        ConformanceError: they cannot be read, or are neither.
    """
    names = graph_inputs(model)
    if path.is_dir():
        return _of_test_data(path, names)
    arrays = read_arrays(path)
    if arrays and arrays.keys() <= set(names):
        return arrays
    own = {*NAMES, *NAMES.values()}
    if unknown := sorted(arrays.keys() - own):
        raise ConformanceError(
            f"{path}: {shortened(repr(unknown[0]))} is neither an input of the model "
            f"({', '.join(map(shortened, names))}) nor one of an LSTM "
            f"({', '.join(NAMES.values())}, or {', '.join(NAMES)})"
        )
    return None


def _of_test_data(folder: Path, names: Sequence[str]) -> dict[str, Array]:
    """The inputs of a test data set in ONNX's own form: a TensorProto in each input_N.pb, in the order of the graph."""
    import onnx

    found: dict[str, Array] = {}
    for number in range(_MOST_FILES):
        path = folder / f"input_{number}.pb"
        if not path.exists():
            break
        tensor = onnx.TensorProto()
        try:
            tensor.ParseFromString(read_file(path, LARGEST))
            if onnx.external_data_helper.uses_external_data(tensor):
                raise ValueError("its data lies in another file")
            array = np.asarray(onnx.numpy_helper.to_array(tensor))
        except ConformanceError:
            raise
        except Exception as error:  # protobuf's own among them
            raise ConformanceError(f"{path}: is not a tensor of ONNX: {shortened(str(error))}") from error
        if tensor.name not in names and number >= len(names):
            raise ConformanceError(f"{path}: the model has only {len(names)} inputs: {', '.join(names)}")
        found[tensor.name if tensor.name in names else names[number]] = array
    if not found:
        raise ConformanceError(f"{folder}: has no input_0.pb; give a test data set of ONNX, or an .npz file")
    return found


def reaching(model: Model, layers: Sequence[Layer], arrays: Mapping[str, Array]) -> list[dict[str, Array]]:
    """What each layer gets when the model is given these arrays: x, h0, c0 and lengths, canonical.

    Raises:
        ConformanceError: a layer is not in the main graph, or onnxruntime does not run the model.
    """
    if inner := [layer for layer in layers if not layer.main]:
        raise ConformanceError(
            f"{model.path}: {inner[0].where}: what reaches it cannot be recorded, for it is not in the main graph; "
            f"give its own inputs instead: {', '.join(NAMES.values())}"
        )
    if missing := [name for name in graph_inputs(model) if name not in arrays]:
        raise ConformanceError(f"{model.path}: needs the input {shortened(missing[0])}, too")
    wanted = list(dict.fromkeys(name for layer in layers for name in layer.open.values()))
    found = dict(arrays)
    if computed := [name for name in wanted if name not in arrays]:
        found |= zip(computed, _run(model, computed, arrays), strict=True)
    return [_canonical(layer, {role: found[name] for role, name in layer.open.items()}) for layer in layers]


def _run(model: Model, names: Sequence[str], arrays: Mapping[str, Array]) -> list[Array]:
    import onnx

    watched = type(model.proto)()
    watched.CopyFrom(model.proto)
    there = {value.name for value in watched.graph.output}
    watched.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in there)
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        files = [str(Path(folder) / name) for name in ("model.onnx", "given.npz", "found.npz")]
        try:
            Path(files[0]).write_bytes(watched.SerializeToString())
        except ValueError as error:  # protobuf's limit of 2 GiB, with external data inside
            raise ConformanceError(f"{model.path}: is too large to be run with further outputs: {error}") from error
        renamed: dict[str, Any] = {f"n{name}": array for name, array in arrays.items()}  # a name may be `file`
        np.savez(files[1], **renamed)
        try:
            done = subprocess.run(
                [sys.executable, "-c", _RUN, *files, *names],
                capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise ConformanceError(f"{model.path}: did not end within {SECONDS:g} s") from error
        if done.returncode:
            said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            raise ConformanceError(
                f"{model.path}: onnxruntime does not run it on these inputs: {shortened(said[-1], 300)}"
            )
        with np.load(files[2], allow_pickle=False) as made:
            return [made[f"n{number}"] for number in range(len(names))]


def _canonical(layer: Layer, found: Mapping[str, Any]) -> dict[str, Array]:
    """A node's inputs by the names and in the order of axes of the suite."""
    batch_major = layer.keys.get("layout") == "batch_major"
    return {
        NAMES[role]: np.ascontiguousarray(array.swapaxes(0, 1) if batch_major and array.ndim == 3 else array)
        for role, array in found.items()
    }
