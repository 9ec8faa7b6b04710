"""Reads what torch.save wrote, by weights only: a state_dict, possibly under a key of a checkpoint.

https://docs.pytorch.org/docs/stable/notes/serialization.html: weights_only=True restricts what is unpickled to tensors
and plain containers, and executes nothing of the file's.
"""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from conformance.case.errors import ConformanceError
from conformance.case.text import shortened
from conformance.weights.held import Held, demand_bounded, floats_only, refused
from conformance.weights.zipped import Zip

_DEEPEST = 8
"""Most levels of dictionaries around the tensors."""
_GLOBAL = re.compile(r"GLOBAL ([\w.]+)")


def read_torch(path: Path, data: bytes) -> Held:
    """The tensors of the file; the keys of nested dictionaries are joined by a full stop.

    Raises:
        FileError: it is damaged, or holds more than tensors and plain containers.
        ConformanceError: torch is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise ConformanceError(f"{path}: reading PyTorch's files needs torch: pip install torch") from error
    if zipfile.is_zipfile(io.BytesIO(data)):
        Zip(path, data)  # which bounds the sizes of its members
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what matters of them becomes the error below
            found = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # of many kinds, and a damaged file may raise any
        raise refused(path, _why(str(error))) from error
    tensors = dict(_tensors(path, found, torch, "", 0))
    if not tensors:
        raise refused(path, f"it holds {type(found).__name__}, but no tensors; save a state_dict: torch.save")
    # A view may be larger than what it views, so the sizes of the members do not bound it.
    demand_bounded(path, (each.numel() * each.element_size() for each in tensors.values()))
    dense = {name: each for name, each in tensors.items() if each.layout == torch.strided and not each.is_quantized}
    others = tuple(f"{shortened(name)}: not a dense tensor" for name in tensors if name not in dense)
    from conformance.adapters.torch_module import to_numpy

    kinds = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
    kept, rest = floats_only({name: to_numpy(each) for name, each in dense.items() if each.dtype in kinds})
    integers = tuple(f"{shortened(name)}: {each.dtype}" for name, each in dense.items() if each.dtype not in kinds)
    return Held(path, "PyTorch", kept, left_out=others + rest + integers)


def _tensors(path: Path, value: Any, torch: Any, prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
    """The tensors in nested dictionaries, with their names."""
    if isinstance(value, torch.Tensor):
        yield prefix, value
    elif isinstance(value, Mapping):
        if depth == _DEEPEST:
            raise refused(path, f"its dictionaries are nested more than {_DEEPEST} deep")
        for key, each in value.items():
            yield from _tensors(path, each, torch, f"{prefix}.{key}" if prefix else str(key), depth + 1)


def _why(text: str) -> str:
    """torch's several paragraphs in one line."""
    if "Weights only load failed" in text or "weights_only" in text:
        named = _GLOBAL.search(text)
        what = f" ({shortened(named[1])})" if named else ""
        return (
            f"it is a pickle of more than tensors{what}, which would execute code; save the weights alone: "
            "torch.save(module.state_dict(), 'weights.pt')"
        )
    return f"torch cannot load it: {shortened(text.splitlines()[0] if text else 'no reason given')}"
