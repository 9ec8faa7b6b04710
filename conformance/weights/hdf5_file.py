"""Reads HDF5: the files of Keras 2 and 3 with their configuration, `.keras` archives, and any file of arrays.

h5py is asked for one object after the other, and only for those that lie in the file itself: links to other files and
soft links are refused, and so are external and virtual datasets, filters that are not HDF5's own, and objects.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from conformance.case.errors import ConformanceError
from conformance.case.tensors import Array
from conformance.case.text import shortened
from conformance.files import parse_json
from conformance.weights.held import MOST_TENSORS, MOST_TEXT, Held, demand_bounded, floats_only, refused
from conformance.weights.safetensors_file import OPTIONS
from conformance.weights.zipped import Zip

_WEIGHTS = "model.weights.h5"
_DEEPEST = 32
_FILTERS = frozenset({1, 2, 3, 4, 5, 6, 32000})
"""deflate, shuffle, fletcher32, szip, nbit, scaleoffset, lzf: all others are programs found on the machine."""


def read_hdf5(path: Path, data: bytes) -> Held:
    """The datasets of the file, by their paths; of a whole Keras model, those under `model_weights`.

    Raises:
        FileError: it is damaged, or holds what is refused.
        ConformanceError: h5py is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise ConformanceError(f"{path}: reading HDF5 needs h5py: pip install h5py") from error
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            return _Reader(path, h5py, file).held()
    # A damaged file may be found out anywhere, and h5py has no exception of its own.
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, UnicodeError, MemoryError, OverflowError) as error:
        raise refused(path, f"it is a damaged HDF5 file: {shortened(str(error))}") from error


def read_keras(archive: Zip) -> Held:
    """The weights and the configuration of a `.keras` archive of Keras 3. Nothing of the configuration is made.

    Raises:
        FileError: a part is missing or damaged.
    """
    config = _parsed(archive.path, "config.json", archive.content("config.json"))
    about = _parsed(archive.path, "metadata.json", archive.content("metadata.json"))
    held = read_hdf5(archive.path, archive.content(_WEIGHTS))
    version = about.get("keras_version")
    return Held(
        *(archive.path, "Keras", held.tensors),
        config=config,
        keras=version if isinstance(version, str) else None,
        names=held.names,
        left_out=held.left_out,
    )


def _parsed(path: Path, what: str, text: bytes) -> dict[str, Any]:
    if len(text) > MOST_TEXT:
        raise refused(path, f"its {what} is larger than {MOST_TEXT:,} bytes")
    try:
        found = parse_json(text)
    except ValueError as error:
        raise refused(path, f"its {what} is damaged: {shortened(str(error))}") from error
    if not isinstance(found, dict):
        raise refused(path, f"its {what} is not a JSON object")
    return found


class _Reader:
    """One open file."""

    def __init__(self, path: Path, h5py: Any, file: Any) -> None:
        self.path, self.h5py, self.file = path, h5py, file
        self.seen: set[Any] = set()
        self.names: dict[str, str] = {}

    def held(self) -> Held:
        config = self._text(self.file, "model_config")
        version = self._text(self.file, "keras_version")
        options = self._text(self.file, OPTIONS)
        root = self._inner(self.file, "model_weights") if config is not None else self.file
        datasets = list(self._datasets(root if root is not None else self.file, "", 0))
        demand_bounded(self.path, (self._bytes(name, each) for name, each in datasets))
        tensors = {name: self._read(each) for name, each in datasets}
        kept, others = floats_only(tensors)
        return Held(
            *(self.path, "HDF5", kept),
            config=None if config is None else _parsed(self.path, "model_config", config.encode()),
            keras=version,
            names=self.names,
            options={} if options is None else _parsed(self.path, OPTIONS, options.encode()),
            left_out=others,
        )

    def _inner(self, group: Any, name: str) -> Any:
        """The member of a group, if it has one of this name and it lies in the file itself."""
        if name not in group:
            return None
        link = group.get(name, getlink=True)
        if not isinstance(link, self.h5py.HardLink):
            kind = "another file" if isinstance(link, self.h5py.ExternalLink) else "another place"
            raise refused(self.path, f"{shortened(name)} is a link to {kind}; only what is in the file itself is read")
        return group[name]

    def _datasets(self, group: Any, prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
        """The datasets under a group, checked, with their paths."""
        info = self.h5py.h5o.get_info(group.id)
        if (info.fileno, info.addr) in self.seen:
            raise refused(self.path, f"its group {shortened(prefix or '/')} is reached by two ways")
        self.seen.add((info.fileno, info.addr))
        if depth > _DEEPEST or len(self.seen) > MOST_TENSORS:
            raise refused(self.path, f"it has more than {MOST_TENSORS:,} groups, or some nested over {_DEEPEST} deep")
        for name in group:
            path = f"{prefix}/{name}" if prefix else name
            each = self._inner(group, name)
            if isinstance(each, self.h5py.Group):
                if name == "vars" and (called := self._text(each, "name")):
                    self.names[prefix] = called
                yield from self._datasets(each, path, depth + 1)
            elif isinstance(each, self.h5py.Dataset):
                yield path, each

    def _bytes(self, name: str, dataset: Any) -> int:
        """The size of a dataset when it is read, or that of one of its chunks if that is larger."""
        where = f"its dataset {shortened(name)}"
        if dataset.dtype.hasobject:
            raise refused(self.path, f"{where} holds objects, not numbers")
        if dataset.external or dataset.is_virtual:
            raise refused(self.path, f"{where} lies in other files; only what is in the file itself is read")
        properties = dataset.id.get_create_plist()
        for index in range(properties.get_nfilters()):
            if properties.get_filter(index)[0] not in _FILTERS:
                raise refused(self.path, f"{where} is packed by a filter that is not one of HDF5's own")
        if dataset.shape is None:
            return 0
        largest = max(math.prod(dataset.shape), math.prod(dataset.chunks or ()))
        return int(dataset.dtype.itemsize * largest)

    def _read(self, dataset: Any) -> Array:
        return np.zeros(0) if dataset.shape is None else np.asarray(dataset[()])

    def _text(self, holder: Any, name: str) -> str | None:
        """A text among the attributes of an object; None if there is none."""
        if name not in holder.attrs:
            return None
        attribute = self.h5py.h5a.open(holder.id, name.encode())
        if math.prod(attribute.shape or ()) != 1 or attribute.get_storage_size() > MOST_TEXT:
            raise refused(self.path, f"its attribute {name} is not a text")
        value = holder.attrs[name]
        if isinstance(value, bytes):
            value = value.decode("utf-8")
        if not isinstance(value, str):
            raise refused(self.path, f"its attribute {name} is not a text")
        return value
