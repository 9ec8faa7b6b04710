"""The scoreboard: what it says of an option, a wrong answer and a version, and what its files are."""

import json
import re

import pytest
from command_line import conformance
from reports import NASTY, acme_records, cases, ignoring_lengths, right_records, written

from conformance.case.errors import ConformanceError
from conformance.report.scoreboard.board import Board, counts_of
from conformance.report.scoreboard.options import ANY, IGNORING, STACK, cells_of, groups_of, options_by_case
from conformance.report.scoreboard.site import write
from conformance.results.reading import read_results
from conformance.results.record import Record, RecordedDeviation

OPTIONS = options_by_case(cases())


def result(case: str, outcome: str = "passed", mistake: str | None = None) -> Record:
    deviation = RecordedDeviation(reason="as seen", mistake=(mistake,)) if mistake else None
    return Record(case=case, adapter="acme", dtype=cases()[case].dtype, outcome=outcome, deviation=deviation)


def cells(records):
    return cells_of(records, OPTIONS, groups_of(OPTIONS, set(OPTIONS)))


def having(*options: str, lacking: tuple[str, ...] = ()) -> list[str]:
    """The cases that have all of these options and lack the others."""
    return [case for case, there in OPTIONS.items() if there.issuperset(options) and not there.intersection(lacking)]


def test_a_wrong_answer_is_put_down_to_the_option_that_is_wrong_most_often():
    with_peephole, plain = having("peephole"), having(lacking=("peephole",))
    assert len(with_peephole) > 100
    records = [result(case, "failed", "peephole-ignored") for case in with_peephole] + [result(c) for c in plain]
    found = cells(records)
    assert found["peephole"].kind == "ignored"
    assert len(found["peephole"].wrong) == found["peephole"].answered == len(with_peephole)
    assert {name: cell.kind for name, cell in found.items() if cell.wrong} == {"peephole": "ignored"}
    assert found["dtype float32"].kind == "right"
    assert found["dtype float32"].elsewhere == len(having("peephole", "dtype float32"))


def test_two_options_are_told_apart():
    wrong = {"peephole": "peephole-ignored", "gate_clip": "nan-lost-in-clip"}
    records = []
    for case, there in OPTIONS.items():
        mistake = next((mistake for option, mistake in wrong.items() if option in there), None)
        records.append(result(case, "failed" if mistake else "passed", mistake))
    found = cells(records)
    assert {name: cell.kind for name, cell in found.items() if cell.wrong} == {
        "peephole": "ignored",
        "gate_clip": "wrong",
    }
    assert len(found["peephole"].wrong) + len(found["gate_clip"].wrong) == sum(r.outcome == "failed" for r in records)


def test_an_option_is_refused_only_where_no_case_is_answered():
    clipped = having("cell_clip")
    refused = [result(case, "unsupported") for case in clipped]
    assert cells(refused)["cell_clip"].kind == "refused"
    assert cells([*refused[1:], result(clipped[0])])["cell_clip"].kind == "right"


def test_an_option_without_one_right_answer_is_not_called_right():
    both = having("peephole", "direction reverse")
    records = [result(case, "failed", "peephole-ignored") for case in both]
    records += [result(case, "failed", "peephole-ignored") for case in having("peephole", "direction forward")]
    records += [result(case) for case in having("direction forward", lacking=("peephole",))]
    cell = cells(records)["direction reverse"]
    assert (cell.kind, cell.elsewhere) == ("untried", len(both))
    assert cell.words == "every answer is wrong because of other options"


def test_the_rows_are_what_cases_differ_in():
    groups = {group.title: group.options for group in groups_of(OPTIONS, set(OPTIONS))}
    assert list(groups) == ["All cases", "Formats", "Structure", "States", "Options", "Training and head", "Extremes"]
    assert groups["Formats"] == ("dtype bfloat16", "dtype float16", "dtype float32", "dtype float64")
    assert STACK in groups["Structure"] and "peephole" in groups["Options"]
    assert groups["All cases"] == (ANY,)
    assert [group.options for group in groups_of(OPTIONS, {"cell/step-f32-no-states"})] == [(ANY,)]


def test_mistakes_that_ignore_something_are_called_so():
    assert {"lengths-ignored", "peephole-output-ignored", "initial-h-ignored-without-c"} <= IGNORING
    assert not {"padding-moves-state", "gates-ifgo-read-as-iofg"} & IGNORING


@pytest.fixture
def files(tmp_path):
    """An engine in two versions, the newer of which is right, and one that ignores lengths."""
    newer = [record.model_copy(update={"adapter": "acme"}) for record in right_records()]
    return [
        written(tmp_path / "new.jsonl", newer, version="1.10"),
        written(tmp_path / "old.jsonl", acme_records(), version="1.9"),
        written(tmp_path / "lengths.jsonl", ignoring_lengths()),
    ]


def test_versions_of_an_engine_become_its_history(files):
    board = Board([read_results(file) for file in files], cases())
    acme, _ = board.engines
    assert [column.version for column in acme.versions] == ["1.9", "1.10"]
    assert counts_of(acme.newest).wrong == 0
    first, second = board.history(acme)
    assert (first.came, first.went, second.came) == ((), (), ())
    assert {mistake for cause in second.went for mistake in cause.mistakes} >= {
        "lengths-ignored",
        "gates-ifgo-read-as-iofg",
    }


def test_the_site_tells_of_every_wrong_answer_and_lets_no_text_through(files, tmp_path):
    files = [files[1], files[2]]
    done = conformance("scoreboard", *files, "-o", tmp_path / "site", "--source", "https://example.org/acme/")
    assert done.exit_code == 0, done.output
    assert done.output == f"2 engines, 9 files written to {tmp_path / 'site'}\n"
    page = (tmp_path / "site/engines/acme.html").read_text()
    assert "lengths-ignored" in page and "gates-ifgo-read-as-iofg" in page
    assert 'href="https://example.org/acme/deviations/repro/acme.py"' in page
    assert 'href="https://example.org/acme/issues/1"' in page
    for file in [*(tmp_path / "site").rglob("*.html"), *(tmp_path / "site").rglob("*.svg")]:
        text = file.read_text()
        assert NASTY not in text and "<script" not in text and "\x1b" not in text
    for file in (tmp_path / "site").rglob("*.html"):
        for address in re.findall(r'(?:href|src)="([^"#:]+)(?:#[^"]*)?"', file.read_text()):
            assert (file.parent / address).is_file(), address


def test_programs_and_badges_read_the_same(files, tmp_path):
    write(Board([read_results(file) for file in files[1:]], cases()), tmp_path / "site")
    data = json.loads((tmp_path / "site/scoreboard.json").read_text())
    acme = data["engines"]["acme"]
    assert acme["options"][ANY] == {"kind": "wrong", "cases": 13, "answered": 12, "wrong": 11}
    options = data["engines"]["right"]["options"]
    assert options["lengths"] == {"kind": "ignored", "cases": 4, "answered": 4, "wrong": 3}
    assert {option["kind"] for name, option in options.items() if name != "lengths"} <= {"right", "untried"}
    badge = json.loads((tmp_path / "site/badges/acme.json").read_text())
    right, answered = acme["counts"]["right"], acme["counts"]["right"] + acme["counts"]["wrong"]
    assert badge == {
        "schemaVersion": 1, "label": "LSTM conformance", "message": f"{right} of {answered} right", "color": "red"
    }  # fmt: skip
    assert badge["message"] in (tmp_path / "site/badges/acme.svg").read_text()


def test_a_page_of_somebody_else_stays_and_so_do_other_files(files, tmp_path):
    board = Board([read_results(file) for file in files], cases())
    site = tmp_path / "site"
    site.mkdir()
    (site / "CNAME").write_text("lstm.example.org")
    write(board, site)
    write(board, site)
    assert (site / "CNAME").read_text() == "lstm.example.org"
    other = tmp_path / "other"
    other.mkdir()
    (other / "index.html").write_text("mine")
    with pytest.raises(ConformanceError, match="holds a page that is not a scoreboard's; give another folder with -o"):
        write(board, other)
    assert (other / "index.html").read_text() == "mine"
    done = conformance("scoreboard", files[0], "-o", files[0] / "site")
    assert done.exit_code == 2
    assert "Traceback" not in done.output


def test_an_interrupted_run_is_told(tmp_path):
    file = written(tmp_path / "half.jsonl", right_records(), complete=False)
    done = conformance("scoreboard", file, "-o", tmp_path / "site")
    assert done.exit_code == 0
    assert f"{file}: the run was interrupted; the site has what is there\n" in done.output
