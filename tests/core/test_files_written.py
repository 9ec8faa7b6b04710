"""Files that are written: what is there stays until the new one is whole, and an impossible place is named."""

import os
from pathlib import Path

import pytest
from command_line import conformance
from file_trouble import WRITERS, crossed, files_of_at_most, names, refusal

from conformance.files import replace_file


def test_a_link_and_the_rights_of_a_file_stay(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    replace_file(link, "new")
    assert link.is_symlink() and target.read_text() == "new"
    assert target.stat().st_mode & 0o777 == 0o640
    replace_file(tmp_path / "fresh", b"")
    umask = os.umask(0)
    os.umask(umask)
    assert (tmp_path / "fresh").stat().st_mode & 0o777 == 0o666 & ~umask
    assert names(tmp_path) == {"target", "link", "fresh"}


def test_a_name_as_long_as_a_name_may_be_can_be_written(tmp_path):
    path = tmp_path / ("é" * 127)
    replace_file(path, "x")
    assert path.read_text() == "x"


@pytest.mark.parametrize("command", WRITERS.values(), ids=WRITERS)
def test_on_a_full_disk_what_was_there_stays(whole, tmp_path, command):
    path = tmp_path / "file"
    for old in (None, "old\n"):
        if old is not None:
            path.write_text(old)
        with files_of_at_most(50):
            message = refusal(*command(whole, path))
        assert message == f"{path}: cannot be written: File too large\n"
        assert (path.read_text() if path.exists() else None) == old
        assert names(tmp_path) == ({"file"} if old else set())
    assert conformance(*command(whole, path)).exit_code == 0
    assert path.read_text() != "old\n"
    assert names(tmp_path) == {"file"}


def device(folder: Path) -> Path:
    return Path("/dev/full")


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


def link_to_a_device(folder: Path) -> Path:
    (folder / "link").symlink_to("/dev/full")
    return folder / "link"


def below_a_file(folder: Path) -> Path:
    (folder / "notes").write_text("mine")
    return folder / "notes" / "file"


PLACES = {
    "device": (device, "it is a device, not a regular file"),
    "link-to-a-device": (link_to_a_device, "it is a device, not a regular file"),
    "pipe": (pipe, "it is a pipe, not a regular file"),
    "below-a-file": (below_a_file, "Not a directory"),
    "nowhere": (lambda folder: Path("/proc/file"), "No such file or directory"),
    "long": (lambda folder: folder / ("x" * 300), "File name too long"),
}
"""Places where no file can be written, and what is said of them."""
A_RUN = {"run": lambda whole, path: ["run", "--adapter", "numpy", "--case", "tiny/*", "-o", path]}


@pytest.mark.parametrize(("place", "said", "command"), crossed(PLACES, A_RUN | WRITERS))
def test_a_place_that_cannot_be_written_is_named_in_one_line(whole, suite, tmp_path, place, said, command):
    path = place(tmp_path)
    before = names(tmp_path)
    arguments = command(whole, path)
    assert refusal(*arguments, *(suite.folders if arguments[0] == "run" else [])) == (
        f"{path}: cannot be written: {said}\n"
    )
    assert names(tmp_path) == before


@pytest.mark.parametrize("command", [*WRITERS.values(), lambda whole, new: ["run", "-o", new]])
def test_a_file_needs_a_name(whole, command):
    done = conformance(*command(whole, ""))
    assert done.exit_code == 2
    assert "a file needs a name; this one is empty" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [["list", "--specs", ""], ["generate", "--specs", "specs", "--vectors", ""], ["new-adapter", "x", "--into", ""]],
)
def test_a_folder_needs_a_name(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "specs").mkdir()
    done = conformance(*arguments)
    assert done.exit_code == 2
    assert "needs a name; this one is empty" in done.stderr


@pytest.mark.parametrize("where", ["/proc", "/proc/1/x", "notes", "notes/x"])
def test_vectors_that_cannot_be_written_are_not_made(suite, tmp_path, monkeypatch, where):
    pytest.importorskip("flint")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes").write_text("mine")
    monkeypatch.setattr("conformance.golden.generate._build_all", None)
    done = conformance("generate", "--specs", suite.specs, "--vectors", where)
    assert done.exit_code == 2
    assert where in done.stderr
    assert done.stderr.count("\n") == (1 if where != "notes" else 4)  # that one click refuses
    assert (tmp_path / "notes").read_text() == "mine"


def test_a_cache_that_cannot_be_written_is_named_before_anything_runs(suite, tmp_path, monkeypatch):
    (tmp_path / "specs").mkdir()
    spec = "family: tiny\ncases:\n  - {name: plain, T: 4, B: 2, I: 3, H: 5, on_demand: true}\n"
    (tmp_path / "specs" / "tiny.yaml").write_text(spec)
    (tmp_path / "notes").write_text("mine")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "notes"))
    for arguments in (["show", "tiny/plain"], ["run", "--adapter", "numpy", "-o", tmp_path / "r.jsonl"]):
        said = refusal(*arguments, "--specs", tmp_path / "specs", "--vectors", suite.vectors)
        assert said.startswith(f"{tmp_path}/notes/lstm-conformance: cannot be written: Not a directory; ")
        assert "XDG_CACHE_HOME" in said
    assert names(tmp_path) == {"specs", "specs/tiny.yaml", "notes"}
