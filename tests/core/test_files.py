"""Files: what is there stays until the new one is whole, one process at a time writes it, and no pipe is waited for."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from harness import started

from conformance.cli import main
from conformance.files import (
    MEBIBYTE,
    Claim,
    FileError,
    parse_json,
    read_file,
    read_text,
    replace_claimed_file,
    replace_file,
)
from conformance.results.reading import read_results
from conformance.results.writing import UNFINISHED, ResultsFile

resource = pytest.importorskip("resource")


def conformance(*arguments: Any) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def refusal(*arguments: Any) -> str:
    """What a command says that cannot write: one line, exit code 2, no traceback."""
    done = conformance(*arguments)
    assert done.exit_code == 2, done.output
    assert isinstance(done.exception, SystemExit)
    assert done.stderr.count("\n") == 1
    return done.stderr


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@contextlib.contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """No file may grow beyond so many bytes: a disk that is full, for the processes that are started too."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(scope="module")
def whole(suite, tmp_path_factory) -> Path:
    """The results of one adapter with all cases `tiny`."""
    path = tmp_path_factory.mktemp("whole") / "r.jsonl"
    assert conformance("run", "--adapter", "numpy", "--case", "tiny/*", "-o", path, *suite.folders).exit_code == 0
    return path


# Reading


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


# Writing


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


WRITERS: dict[str, Callable[[Path, Path | str], list[Any]]] = {
    "merge": lambda whole, new: ["merge", whole, "-o", new],
    "baseline": lambda whole, new: ["baseline", whole, "-o", new],
    "html": lambda whole, new: ["report", whole, "-o", new],
    "summary": lambda whole, new: ["report", whole, "--format", "markdown", "-o", new],
    "junit": lambda whole, new: ["report", whole, "--format", "junit", "-o", new],
    "badge": lambda whole, new: ["report", whole, "--format", "badge", "-o", new],
    "gate-summary": lambda whole, new: ["gate", whole, whole, "--markdown", new],
    "gate-junit": lambda whole, new: ["gate", whole, whole, "--junit", new],
}
"""Commands that write a file from results."""


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
    device: "it is a device, not a regular file",
    link_to_a_device: "it is a device, not a regular file",
    pipe: "it is a pipe, not a regular file",
    below_a_file: "Not a directory",
    lambda folder: Path("/proc/file"): "No such file or directory",
    lambda folder: folder / ("x" * 300): "File name too long",
}
"""Places where no file can be written, and what is said of them."""


@pytest.mark.parametrize(("place", "said"), PLACES.items())
def test_a_place_that_cannot_be_written_is_named_in_one_line(whole, suite, tmp_path, place, said):
    path = place(tmp_path)
    before = names(tmp_path)
    run = ["run", "--adapter", "numpy", "--case", "tiny/*", *suite.folders, "-o", path]
    for arguments in [run, *(command(whole, path) for command in WRITERS.values())]:
        assert refusal(*arguments) == f"{path}: cannot be written: {said}\n"
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


# The results file of a run


def test_the_results_of_before_stay_until_the_run_has_ended(suite, whole, tmp_path):
    path, run = tmp_path / "r.jsonl", ["run", "--adapter", "numpy", "--case", "tiny/*", *suite.folders, "-o"]
    path.write_bytes(old := whole.read_bytes())
    with files_of_at_most(len(old) * 2 // 3):
        said = refusal(*run, path).splitlines()[-1]
    unfinished = tmp_path / f"r.jsonl{UNFINISHED}"
    left = read_results(unfinished)
    assert 0 < len(left.records) < 5 and not left.complete
    assert said == (
        f"{unfinished}: cannot be written: File too large; "
        f"--resume goes on after the {len(left.records)} results that it has"
    )
    assert path.read_bytes() == old
    again = conformance(*run, path, "--resume")
    assert again.exit_code == 0
    assert f"{len(left.records)} results, {5 - len(left.records)} to go\n" in again.stdout
    assert read_results(path).complete and path.read_bytes() != old
    assert names(tmp_path) == {"r.jsonl"}


def test_a_run_that_cannot_even_begin_its_file_leaves_none(suite, whole, tmp_path):
    path, run = tmp_path / "r.jsonl", ["run", "--adapter", "numpy", "--case", "tiny/*", *suite.folders, "-o"]
    with files_of_at_most(20):
        refusal(*run, path)
    assert names(tmp_path) == set()
    assert conformance("run", "--adapter", "nobody", "-o", path).exit_code == 2
    assert names(tmp_path) == set()
    path.write_text("old")
    with files_of_at_most(20):
        assert refusal(*run, path) == f"{path}{UNFINISHED}: cannot be written: File too large\n"
    assert names(tmp_path) == {"r.jsonl"} and path.read_text() == "old"


def test_a_run_without_resume_begins_anew_and_forgets_what_nobody_went_on_with(suite, whole, tmp_path):
    path = tmp_path / "r.jsonl"
    for left in (path, tmp_path / f"r.jsonl{UNFINISHED}"):
        left.write_bytes(b"".join(whole.read_bytes().splitlines(keepends=True)[:2]))
    run = ["run", "--adapter", "numpy", "--case", "tiny/*", "-o", path, *suite.folders]
    done = conformance(*run)
    assert done.exit_code == 0
    assert "to go" not in done.stdout
    assert len(read_results(path).records) == 5
    assert names(tmp_path) == {"r.jsonl"}


def test_a_run_that_was_killed_when_all_was_written_has_ended(whole, tmp_path):
    path = tmp_path / "r.jsonl"
    path.write_text("old")
    (tmp_path / f"r.jsonl{UNFINISHED}").write_bytes(whole.read_bytes())
    with ResultsFile(path) as file:
        left = file.left()
        assert left is not None and left.complete
    assert path.read_bytes() == whole.read_bytes()
    assert names(tmp_path) == {"r.jsonl"}


# One writer at a time


def test_a_file_that_somebody_writes_is_written_by_nobody_else(suite, whole, tmp_path):
    path = tmp_path / "r.jsonl"
    path.write_text("old")
    run = ["run", "--adapter", "numpy", "--case", "tiny/*", *suite.folders, "-o", path]
    others = [WRITERS["merge"](whole, path), WRITERS["baseline"](whole, path)]
    with Claim(path):
        for arguments in (run, [*run, "--resume"], *others):
            assert refusal(*arguments) == (
                f"{path}: cannot be written: another process is writing it; "
                "wait until that ends, or name another file\n"
            )
        assert path.read_text() == "old"
    assert conformance(*run).exit_code == 0
    assert names(tmp_path) == {"r.jsonl"}


def test_two_runs_of_one_file_that_is_not_there_yet(tmp_path):
    path = tmp_path / "r.jsonl"
    with Claim(path) as first:
        assert first.empty
        with pytest.raises(FileError, match="another process is writing it"):
            Claim(path)
    assert names(tmp_path) == set()


def test_a_claim_is_of_the_file_that_stands_there_and_not_of_one_before(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with Claim(path):
        with pytest.raises(FileError, match="another process is writing it"):
            replace_file(path, "without the right to it")
        replace_claimed_file(path, "new")
        with Claim(path), pytest.raises(FileError):  # the file that was claimed is no more
            Claim(path)
    assert path.read_text() == "new"


HOLD = """\
import sys, time
from pathlib import Path
from conformance.files import Claim
claim = Claim(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def test_the_claim_of_a_killed_process_is_gone(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with started("-c", HOLD, path, cwd=tmp_path) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        with pytest.raises(FileError, match="another process is writing it"):
            Claim(path)
        process.send_signal(signal.SIGKILL)
        process.wait()
        Claim(path).release()
    assert path.read_text() == "old"
