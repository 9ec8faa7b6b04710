"""HDF5 is read object by object, and only what lies in the file itself."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conformance.files import FileError
from conformance.weights.reading import read

h5py: Any = pytest.importorskip("h5py")

A = np.arange(6, dtype=np.float32).reshape(2, 3)


def problem(path: Path) -> str:
    with pytest.raises(FileError) as raised:
        read(path)
    assert "\n" not in str(raised.value)
    return raised.value.problem


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file["layers/lstm/kernel"] = A
        file.create_dataset("packed", data=np.zeros((100, 100)), compression="gzip", shuffle=True)
        file["count"] = 3
    return tmp_path / "w.h5"


def test_datasets_are_named_by_their_paths(path: Path) -> None:
    held = read(path)
    assert held.form == "HDF5" and sorted(held.tensors) == ["layers/lstm/kernel", "packed"]
    assert np.array_equal(held.tensors["layers/lstm/kernel"], A) and held.left_out == ("count: int64",)


def test_a_whole_model_of_keras_gives_its_weights_and_its_configuration(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential"}).encode()
        file.attrs["keras_version"] = "2.3.1"
        file["model_weights/lstm/kernel:0"] = A
        file["optimizer_weights/a"] = A
    held = read(tmp_path / "w.h5")
    assert list(held.tensors) == ["lstm/kernel:0"]
    assert held.config == {"class_name": "Sequential"} and held.keras == "2.3.1"


def test_a_keras_archive_gives_its_weights_its_configuration_and_the_names_of_layers(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file["layers/lstm/cell/vars/0"] = A
        file.create_group("layers/lstm/vars").attrs["name"] = "encoder"
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("config.json", json.dumps({"class_name": "Sequential"}))
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.15.1"}))
        archive.write(tmp_path / "w.h5", "model.weights.h5")
    held = read(tmp_path / "m.keras")
    assert held.form == "Keras" and held.keras == "3.15.1" and held.config == {"class_name": "Sequential"}
    assert held.names == {"layers/lstm": "encoder"} and list(held.tensors) == ["layers/lstm/cell/vars/0"]


def with_link(file: Any) -> None:
    file["link"] = h5py.ExternalLink("other.h5", "/a")


def with_soft_link(file: Any) -> None:
    file["link"] = h5py.SoftLink("/layers")


def with_external_data(file: Any) -> None:
    file.create_dataset("outside", (4,), np.float32, external=[("outside.bin", 0, 16)])


def with_virtual_data(file: Any) -> None:
    layout = h5py.VirtualLayout((2, 3), np.float32)
    layout[...] = h5py.VirtualSource("other.h5", "a", (2, 3))
    file.create_virtual_dataset("outside", layout)


def with_objects(file: Any) -> None:
    file.create_dataset("texts", data=["a", "b"], dtype=h5py.string_dtype())


def with_a_bomb(file: Any) -> None:
    file.create_dataset("zeros", (2**30,), np.float32, chunks=(2**20,), compression="gzip")


def with_many(file: Any) -> None:
    for n in range(5):
        file.create_dataset(f"zeros{n}", (2**26,), np.float32, chunks=(2**20,), compression="gzip")


def with_a_circle(file: Any) -> None:
    file["layers/again"] = file["layers"]


REFUSED = [
    (with_link, "link is a link to another file"),
    (with_soft_link, "link is a link to another place"),
    (with_external_data, "outside lies in other files"),
    (with_virtual_data, "outside lies in other files"),
    (with_objects, "texts holds objects"),
    (with_a_bomb, "take more than 1024 MiB"),
    (with_many, "take more than 1024 MiB"),
    (with_a_circle, "is reached by two ways"),
]


@pytest.mark.parametrize(("change", "words"), REFUSED, ids=[change.__name__ for change, _ in REFUSED])
def test_what_leads_outside_or_is_too_large_is_refused(change: Any, words: str, path: Path) -> None:
    with h5py.File(path, "a") as file:
        change(file)
    assert words in problem(path)


@pytest.mark.parametrize("name", ["model_config", "keras_version", "lstm"])
def test_attributes_that_are_no_text_are_refused(name: str, path: Path) -> None:
    with h5py.File(path, "a") as file:
        file.attrs[name] = np.arange(3)
    assert problem(path) == f"its attribute {name} is not a text"


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_configuration_that_is_no_object_is_refused(text: str, path: Path) -> None:
    with h5py.File(path, "a") as file:
        file.attrs["model_config"] = text
    assert "model_config" in problem(path)


@pytest.mark.parametrize("kept", [20, 100, 1000])
def test_a_truncated_file_is_refused(kept: int, path: Path) -> None:
    path.write_bytes(path.read_bytes()[:kept])
    assert problem(path).startswith("it is a damaged HDF5 file: ")
