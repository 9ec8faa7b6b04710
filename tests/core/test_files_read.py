"""Files that are read: regular ones of a fair size, whole, in UTF-8 and finite JSON; no pipe is waited for."""

import os
from pathlib import Path

import pytest
from file_trouble import refusal

from conformance.files import MEBIBYTE, FileError, parse_json, read_file, read_text


def test_a_file_is_read_up_to_its_bound(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100)
    assert read_file(path, 100) == b"x" * 100
    with pytest.raises(FileError, match=r"file: cannot be read: it is larger than 9\.44e-05 MiB, the limit"):
        read_file(path, 99)
    with pytest.raises(FileError, match=r"file: cannot be read: it is not UTF-8 text \(byte 1 is 0xff\)"):
        path.write_bytes(b"x\xff") and read_text(path, 100)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux has files that do not say how large they are")
def test_a_file_that_does_not_say_its_size_is_bounded_too():
    assert b"Name:" in read_file(Path("/proc/self/status"), 100_000)
    with pytest.raises(FileError, match="is larger than"):
        read_file(Path("/proc/self/status"), 100)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"NaN", "NaN is not a finite number"),
        (b"[1, -Infinity]", "-Infinity is not a finite number"),
        (b"-1e999", "-1e999 is not a finite number"),
        (b"\xff", "can't decode byte"),
        (b"[" * 1_000_000, "nested more than 32 deep"),
        (b"[" * 34 + b"]" * 34, "nested more than 32 deep"),
        (b'{"a":' * 34 + b"1" + b"}" * 34, "nested more than 32 deep"),
        (b"[1", "Expecting"),
    ],
)
def test_what_is_not_json_is_a_value_error(text, said):
    with pytest.raises(ValueError, match=said):
        parse_json(text)


def test_json_may_be_nested_as_far_as_is_said():
    assert parse_json(b"[" * 32 + b"]" * 32)


SOURCES = {
    "spec": (["list", "--specs", "specs"], "specs/x.yaml:1: "),
    "deviations": (["run", "--adapter", "numpy", "--case", "tiny/*", "--deviations", "specs"], "specs/numpy.yaml:1: "),
    "manifest": (["run", "--adapter", "numpy", "--case", "tiny/*", "--vectors", "specs"], "specs/MANIFEST.json: "),
}
"""Commands that read a file beside results and vectors, and how they name it."""


@pytest.mark.parametrize(("arguments", "named"), SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (os.mkfifo, "it is a pipe, not a regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "it is a device, not a regular file"),
        (lambda path: (path.touch(), os.truncate(path, 64 * MEBIBYTE + 1)), "it is larger than 64 MiB, the limit"),
        (lambda path: path.mkdir(), "it is a folder, not a regular file"),
    ],
    ids=["pipe", "device", "too-large", "folder"],
)
def test_no_source_is_read_that_is_not_a_file_of_a_fair_size(
    suite, tmp_path, monkeypatch, arguments, named, make, said
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "specs").mkdir()
    make(tmp_path / named.split(":")[0])
    command, *options = arguments
    folders = suite.folders if command == "run" else []
    message = refusal(command, *folders, *options)
    assert message.startswith(named) and f"cannot be read: {said}" in message
