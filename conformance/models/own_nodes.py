"""The file of a suite that runs the nodes of model files, and the labels of the adapters in it.

Imports next to nothing: a worker is started with such a label before NumPy or onnx are there.
"""

from __future__ import annotations

from pathlib import Path

from conformance.adapters import registry

FILE = "engines.py"
FOLDER = "nodes"
ENGINES = '''"""The nodes of the model files in the engines that read them. Written by `conformance import`."""

from pathlib import Path

from conformance.models import engines

NODES = Path(__file__).parent / "nodes"


class OnnxRuntime(engines.OnnxRuntimeNode):
    nodes = NODES


class OnnxReference(engines.OnnxReferenceNode):
    nodes = NODES


class OpenVino(engines.OpenVinoNode):
    nodes = NODES
'''
CLASSES = {"onnxruntime": "OnnxRuntime", "onnx-reference": "OnnxReference", "openvino": "OpenVino"}
"""Adapter of an engine that reads ONNX -> the class in that file which runs the node as it is."""


def label_of(folder: Path, adapter: str) -> str | None:
    """The label that runs the nodes of a suite in the engine of an adapter; None if that reads no ONNX.

    Args:
        folder: of the suite.
        adapter: the label of an adapter, `onnxruntime` or `onnxruntime@cuda`.
    """
    parsed = registry.parse(adapter)
    if parsed.place or not parsed.installed or parsed.name not in CLASSES:
        return None
    device = "" if parsed.device == "cpu" else f"@{parsed.device}"
    return f"{folder / FILE}:{CLASSES[parsed.name]}{device}"
