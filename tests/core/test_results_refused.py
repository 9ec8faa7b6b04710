"""Results files that are not what a run writes: refused by every command in one line, with the file and the line."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import conformance
from file_trouble import crossed

from conformance.case.shards import shard_of
from conformance.results.reading import MOST_BYTES, read_results


def refusal(*arguments: Any) -> str:
    """What a command says that refuses its input: one line, exit code 2, no traceback, nothing on standard output."""
    done = conformance(*arguments)
    assert done.exit_code == 2, done.output
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert len(done.stderr) < 600
    return done.stderr


Lines = list[dict[str, Any]]


def with_field(number: int, name: str, value: Any) -> Callable[[Lines], Any]:
    def change(lines: Lines) -> None:
        lines[number][name] = value

    return change


def first_twice(lines: Lines) -> None:
    lines.insert(1, lines[1])
    lines[-1]["results"] += 1


def with_shard(which: str) -> Callable[[Lines], Any]:
    return with_field(0, "shard", which)


NAN, INFINITE = float("nan"), float("inf")
ALLOWED_SHARD = "is not a shard; needs k/n with k from 1 to n, like 2/3"
NOT_OURS: dict[str, tuple[Callable[[Lines], Any], str]] = {
    "noise-nan": (with_field(2, "noise", NAN), ":3: not a line of a results file: NaN is not a finite number"),
    "noise-infinite": (with_field(2, "noise", INFINITE), ":3: not a line of a results file: Infinity is not a finite"),
    "noise-negative": (with_field(2, "noise", -1.0), ":3: noise: Input should be greater than or equal to 0"),
    "noise-huge": (with_field(2, "noise", 10**400), ":3: noise: Input should be a valid number"),
    "allowed-nan": (with_field(1, "allowed", NAN), ":2: not a line of a results file: NaN is not a finite number"),
    "seconds-negative": (with_field(1, "seconds", -0.5), ":2: seconds: Input should be greater than or equal to 0"),
    "dtype": (with_field(1, "dtype", "float8"), ":2: dtype: Input should be "),
    "precision": (with_field(1, "precision", "float8"), ":2: precision: needs one of int8, int8-by-row, bfloat16, "),
    "shard-beyond": (with_shard("5/2"), f":1: shard: '5/2' {ALLOWED_SHARD}"),
    "shard-no-number": (with_shard("x"), f":1: shard: 'x' {ALLOWED_SHARD}"),
    "shard-long": (with_shard("1/" + "9" * 5000), f":1: shard: '1/{'9' * 38}...' {ALLOWED_SHARD}"),
    "shard-of-others": (with_shard("1/999999"), " is of shard "),
    "cases-negative": (with_field(0, "cases", -1), ":1: cases: Input should be greater than or equal to 0"),
    "format": (with_field(0, "format", "9" * 5000), ": results of format '999"),
    "adapter": (with_field(3, "adapter", "torch"), ":4: adapter: torch is not one of the header's: numpy"),
    "twice": (first_twice, ":3: tiny/plain-f32 with numpy is already on line 2"),
    "seconds-of-all": (with_field(-1, "seconds", NAN), ":7: not a line of a results file: NaN is not a finite number"),
}
"""What is changed in a results file, and what is said of it after the file's name."""
COMMANDS: dict[str, Callable[[Path, Path, Path], list[Any]]] = {
    "html": lambda file, whole, new: ["report", file, "-o", new],
    "junit": lambda file, whole, new: ["report", file, "--format", "junit"],
    "merge": lambda file, whole, new: ["merge", whole, file, "-o", new],
    "gate-before": lambda file, whole, new: ["gate", file, whole],
    "gate-after": lambda file, whole, new: ["gate", whole, file, "--junit", new],
    "baseline": lambda file, whole, new: ["baseline", file, "-o", new],
}


@pytest.mark.parametrize(("change", "said", "command"), crossed(NOT_OURS, COMMANDS))
def test_what_no_run_writes_is_refused_by_every_command(whole, tmp_path, change, said, command):
    lines = [json.loads(line) for line in whole.read_text().splitlines()]
    change(lines)
    changed, new = tmp_path / "changed.jsonl", tmp_path / "new"
    changed.write_text("".join(json.dumps(line) + "\n" for line in lines))
    message = refusal(*command(changed, whole, new))
    assert message.startswith(f"{changed}:") and said in message
    assert not new.exists()


DEEP = 100_000
UNREADABLE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "deep": (lambda data: data + b"[" * DEEP + b"\n", ":8: not a line of a results file: nested more than 32 deep"),
    "deep-and-balanced": (
        lambda data: data.replace(b'"passed"', b'"passed", "profile": {"y": ' + b"[" * 400 + b"]" * 400 + b"}", 1),
        ":2: not a line of a results file: nested more than 32 deep",
    ),
    "deep-header": (lambda data: b'{"a":' * DEEP + b"\n", ":1: not a line of a results file: nested more than 32 deep"),
    "not-utf-8": (lambda data: data.replace(b"float32", b"float\xff2", 1), ":2: not a line of a results file: 'utf-8'"),
    "long-number": (
        lambda data: data.replace(b'"allowed": 11.0', b'"allowed": ' + b"1" * 5000, 1),
        ":2: not a line of",
    ),
    "overflow": (lambda data: data.replace(b'"allowed": 11.0', b'"allowed": 1e999', 1), "1e999 is not a finite number"),
    "a-list": (lambda data: b"[1]\n" + data, ":1: not a line of a results file: not an object"),
}


@pytest.mark.parametrize(("change", "said", "command"), crossed(UNREADABLE, COMMANDS))
def test_what_cannot_be_parsed_is_refused_by_every_command(whole, tmp_path, change, said, command):
    changed, new = tmp_path / "changed.jsonl", tmp_path / "new"
    changed.write_bytes(change(whole.read_bytes()))
    message = refusal(*command(changed, whole, new))
    assert message.startswith(f"{changed}:") and said in message


NO_FILES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "pipe": (os.mkfifo, "it is a pipe, not a regular file"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "it is a device, not a regular file"),
    "too-large": (
        lambda path: (path.touch(), os.truncate(path, MOST_BYTES + 1)),
        "it is larger than 512 MiB, the limit",
    ),
}


@pytest.mark.parametrize(("make", "said", "command"), crossed(NO_FILES, COMMANDS))
def test_what_is_not_a_file_of_a_fair_size_is_not_read(whole, tmp_path, make, said, command):
    path, new = tmp_path / "r.jsonl", tmp_path / "new"
    make(path)
    assert f"{path}: cannot be read: {said}" in refusal(*command(path, whole, new))


# Shards


def shard_file(whole: Path, path: Path, which: str) -> Path:
    """One shard of a whole file, as a run of it writes it."""
    k, n = map(int, which.split("/"))
    header, *records, footer = [json.loads(line) for line in whole.read_text().splitlines()]
    own = [record for record in records if shard_of(record["case"], n) == k]
    lines = [header | {"shard": which}, *own, footer | {"results": len(own)}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert read_results(path).complete
    return path


def test_a_shard_is_merged_with_the_others_of_its_division_alone(whole, tmp_path):
    of_two = [shard_file(whole, tmp_path / f"{k}-of-2.jsonl", f"{k}/2") for k in (1, 2)]
    of_three = shard_file(whole, tmp_path / "1-of-3.jsonl", "1/3")
    out = tmp_path / "out.jsonl"
    for files in ([whole, of_two[0]], [of_two[0], whole], [*of_two, whole], [*of_two, of_three]):
        assert "; give one or the other" in refusal("merge", *files, "-o", out)
        assert not out.exists()
    assert conformance("merge", *of_two, "-o", out).exit_code == 0
    assert set(read_results(out).records) == set(read_results(whole).records)


def test_one_shard_is_neither_a_baseline_nor_gated(whole, tmp_path):
    shard, out = shard_file(whole, tmp_path / "1.jsonl", "1/2"), tmp_path / "baseline.jsonl"
    said = f"{shard}: only shard 1/2 of a run; put them together: conformance merge\n"
    assert refusal("baseline", shard, "-o", out) == said
    assert not out.exists()
    assert refusal("gate", shard, whole) == refusal("gate", whole, shard) == said
    only = shard_file(whole, tmp_path / "only.jsonl", "1/1")
    assert conformance("baseline", only, "-o", out).exit_code == 0


def test_cases_that_nobody_asked_for_are_not_merged(whole, tmp_path):
    changed = tmp_path / "changed.jsonl"
    changed.write_text(whole.read_text().replace("tiny/stack", "tiny/other"))
    said = refusal("merge", changed, "-o", tmp_path / "out.jsonl")
    assert said == "cannot be merged: numpy has other cases than those in the headers\n"


# Going on


@pytest.mark.slow
def test_a_run_does_not_go_on_with_another_s_results(suite, whole, tmp_path):
    lines = [json.loads(line) for line in whole.read_text().splitlines()]
    path = tmp_path / "r.jsonl"
    run = ["run", "--adapter", "numpy", "--case", "tiny/*", "-o", path, "--resume", *suite.folders]
    for change, said in (
        (with_field(2, "case", "broken/nan"), ": cannot be resumed: it has broken/nan, which is not one of the run's"),
        (with_field(2, "adapter", "torch"), ":3: adapter: torch is not one of the header's: numpy"),
        (with_field(2, "noise", NAN), ":3: not a line of a results file: NaN is not a finite number"),
    ):
        foreign = [dict(line) for line in lines[:-1]]
        change(foreign)
        data = "".join(json.dumps(line) + "\n" for line in foreign)
        path.write_text(data)
        assert refusal(*run).startswith(f"{path}{said}")
        assert path.read_text() == data
