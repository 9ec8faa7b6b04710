"""The results file of a run: the one before stays until the run has ended, and an unfinished one is gone on with."""

from command_line import conformance
from file_trouble import files_of_at_most, names, refusal

from conformance.results.reading import read_results
from conformance.results.writing import UNFINISHED, ResultsFile


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
