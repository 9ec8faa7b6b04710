"""Results files and specs that say what a terminal, a page or XML might take for its own: it is shown as text."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from rich.console import Console

from conformance.case.model import Case
from conformance.case.outcomes import Crashed, Errored, TimedOut, Unsupported
from conformance.cli import main
from conformance.results.deviations import Deviation
from conformance.results.gate import gate
from conformance.results.reading import read_results
from conformance.results.record import selection_digest
from conformance.results.result import Result
from conformance.run.smoke import Finding
from conformance.views import gate as gate_view
from conformance.views import smoke as view

HOSTILE = {
    "an escape": ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
    "a lone surrogate": ("half \ud800 of a letter", "half \\ud800 of a letter"),
    "a noncharacter": ("\ufffe\uffff", "\\ufffe\\uffff"),
    "a nul": ("nul \x00", "nul \\x00"),
    "the other direction": ("a\u202eb", "a\\u202eb"),
    "a tag": ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
    "Markdown": ("a|b `c` **d** [e](f) ~~g~~ # h", "a|b `c` **d** [e](f) ~~g~~ # h"),
    "rich's markup": ("[red]x[/blue] :smile:", "[red]x[/blue] :smile:"),
}
"""What is written, and how it is shown."""
NAMES = {name: pair for name, pair in HOSTILE.items() if pair[0].isprintable()}
FORMATS = ["html", "markdown", "junit", "badge"]


OUTCOMES = ("errored", "failed", "passed")


def results(path: Path, *, name: str = "acme", family: str = "fam", text: str = "", run: str = "one") -> Path:
    """A results file with unexpected results, and the text wherever a text may be; `run`: what a gate compares."""
    info = dict.fromkeys(("device", "python", "machine", "processor"), text)
    info |= {key: {f"p{text}": text, "q": text} for key in ("versions", "settings")}
    header = {"kind": "header", "format": 2, "suite": run, "vectors": run, "cases": len(OUTCOMES)}
    ids = [f"{family}/{outcome}" for outcome in OUTCOMES]
    header["selection"] = selection_digest(ids) if family.isprintable() else "of names that are refused before"
    lines = [header | {"adapters": {name: info}}]
    for outcome in OUTCOMES:
        told = {
            "kind": "result", "case": f"{family}/{outcome}", "adapter": name, "dtype": "float32", "outcome": outcome,
            "unexpected": True, "message": f"WRONG x\n  {text}", "traceback": text,
            "deviation": {"reason": text, "link": text, "where": text, "versions": {text: text}, "repro": text},
            "profile": {"y": {text: [1.0, None]}, "every": 1, "note": [text]},
            "suspects": None if outcome != "failed" else [{"mistakes": [text], "how": "reproduces", "noise": 1.0}],
        }  # fmt: skip
        lines.append(told)
    lines.append({"kind": "footer", "results": len(OUTCOMES)})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def conformance(*arguments: Any) -> str:
    done = CliRunner().invoke(main, list(map(str, arguments)))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code in (0, 1), done.output
    return done.output


def report(kind: str, path: Path, specs: Path) -> str:
    """A report, read back from its file; a small folder of specs is read sooner than the suite's own."""
    target = path.with_suffix(f".{kind}")
    words = ["report", str(path), "--format", kind, "-o", str(target), "--specs", str(specs)]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output + repr(done.exception)
    return target.read_bytes().decode()


def assert_harmless(kind: str, text: str, told: str) -> None:
    """The report is well-formed and shows the text as `told`."""
    assert all(letter.isprintable() or letter in "\n\t" for letter in _without_scripts(kind, text))
    if kind == "junit":
        shown = [*ElementTree.fromstring(text).itertext()]
        shown += [value for element in ElementTree.fromstring(text).iter() for value in element.attrib.values()]
        assert any(told in each for each in shown)
    elif kind == "html":
        page = _Page(text)
        assert not {"img", "iframe"} & set(page.tags)
        assert told in json.loads(page.data)["more"][0]["message"]
    elif kind == "markdown":
        assert "<img" not in text
        rows = [line for line in text.splitlines() if line.startswith("|")]
        assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {3}
        assert {len(re.findall(r"(?<!\\)`", row)) for row in rows} == {0}


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.data = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag if ("id", "data") not in attrs else "data")

    def handle_data(self, data):
        self.data += data if self.tags and self.tags[-1] == "data" else ""


def _without_scripts(kind: str, text: str) -> str:
    return re.sub(r"<(script|style)>.*?</\1>", "", text, flags=re.DOTALL) if kind == "html" else text


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("what", HOSTILE)
def test_what_a_results_file_says_is_shown_as_text(tmp_path, suite, what, kind):
    text, told = HOSTILE[what]
    path = results(tmp_path / "r.jsonl", text=text, run=f"v{text}")
    assert_harmless(kind, report(kind, path, suite.specs), told)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("what", NAMES)
def test_so_are_the_names_of_families_and_adapters(tmp_path, suite, what, kind):
    text, told = NAMES[what]
    path = results(tmp_path / "r.jsonl", name=f"acme{text}", family=text.replace("/", ""), text=text)
    assert_harmless(kind, report(kind, path, suite.specs), told)


@pytest.mark.parametrize("where", ["name", "family"])
@pytest.mark.parametrize("command", ["report", "gate"])
@pytest.mark.parametrize("what", sorted(HOSTILE.keys() - NAMES.keys()))
def test_a_name_that_cannot_be_printed_is_refused(tmp_path, what, command, where):
    text, told = HOSTILE[what]
    path = results(tmp_path / "r.jsonl", **{where: text})
    more = [path] if command == "gate" else ["-o", tmp_path / "new"]
    done = CliRunner().invoke(main, [command, str(path), *map(str, more)])
    assert done.exit_code == 2
    assert f"{told}{'/errored' if where == 'family' else ''}' is not a name: it has characters that" in done.stderr
    assert "\x1b" not in done.stderr and len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("what", HOSTILE)
def test_it_is_written_as_text_into_another_results_file(tmp_path, what):
    text, told = HOSTILE[what]
    conformance("merge", results(tmp_path / "r.jsonl", text=text), "-o", tmp_path / "merged.jsonl")
    (record, *_) = read_results(tmp_path / "merged.jsonl").records
    assert record.profile is not None and told in record.profile["note"]
    assert record.traceback == told


@pytest.mark.parametrize("what", HOSTILE)
def test_a_gate_shows_it_as_text_too(tmp_path, what):
    text, told = HOSTILE[what]
    name = f"acme@{text.replace(' ', '')}" if what in NAMES else "acme"
    before = results(tmp_path / "before.jsonl", name=name, text="fine")
    before.write_text(before.read_text().replace('"outcome": "errored"', '"outcome": "passed"'))
    after = results(tmp_path / "after.jsonl", name=name, text=text)
    written = tmp_path / "gate.md", tmp_path / "gate.xml"
    shown = conformance("gate", before, after, "--markdown", written[0], "--junit", written[1])
    console = Console(width=1000, color_system=None)
    with console.capture() as captured:
        console.print(gate_view.table(gate(read_results(before), read_results(after), drift=4.0), everything=True))
    assert told in captured.get()
    assert told in shown
    assert_harmless("junit", written[1].read_bytes().decode(), told)
    markdown = written[0].read_bytes().decode()
    assert "<img" not in markdown
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {6}
    for each in (shown, markdown):
        assert all(letter.isprintable() or letter == "\n" for letter in each)


@pytest.mark.parametrize("what", HOSTILE)
@pytest.mark.parametrize("outcome", [Unsupported, Errored, Crashed, lambda text: TimedOut(1.0, text)])
def test_so_is_what_a_framework_raises_and_prints(what, outcome):
    text, told = HOSTILE[what]
    case = Case.model_validate({"id": "fam/case", "T": 1, "B": 1, "I": 1, "H": 1})
    reason = text.replace("\ud800", "\\ud800")  # a deviations file with it cannot be read
    deviation = Deviation(cases=("*",), reason=reason, versions={"acme": ">1"}, where="acme.yaml:1")
    result = Result(case, "acme", outcome(f"first\n{text}"), {"acme": text}, deviation=deviation)
    assert result.message().count(told) == 3
    assert all(letter.isprintable() or letter == "\n" for letter in result.message())
    assert result.record().message == result.message()


@pytest.mark.parametrize("outcome", [Unsupported, Errored, Crashed])
def test_a_line_of_a_framework_that_is_too_long_is_shortened(outcome):
    case = Case.model_validate({"id": "fam/case", "T": 1, "B": 1, "I": 1, "H": 1})
    message = Result(case, "acme", outcome("x" * 100_000)).message()
    assert len(message) < 2000
    assert "x... (100,000 characters)" in message


def test_smoke_shows_it_as_text(tmp_path):
    text, told = HOSTILE["an escape"]
    finding = Finding("a/b", "about", "failed", text, "remedy", "again")
    assert told in view.messages([finding])[0] and "\x1b" not in view.messages([finding])[0]


def test_what_a_spec_is_refused_for_is_shown_as_text(tmp_path):
    (tmp_path / "fam.yaml").write_text('family: fam\n"\\e[31m": 1\ncases: []\n')
    done = CliRunner().invoke(main, ["list", "--specs", str(tmp_path)])
    assert done.exit_code == 2
    assert "\\x1b[31m: unknown key" in done.stderr and "\x1b" not in done.stderr


def test_a_spec_is_shown_as_text_on_the_page(tmp_path):
    keys = 'name: errored, T: 1, B: 1, I: 1, H: 1, description: "\\e[31m", source: "\\u202e<img>"'
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "fam.yaml").write_text(f"family: fam\ncases:\n  - {{{keys}}}\n")
    path = results(tmp_path / "r.jsonl")
    output = conformance("report", path, "-o", tmp_path / "page.html", "--specs", tmp_path / "specs")
    assert "3 unexpected of 3 results" in output
    found = json.loads(_Page((tmp_path / "page.html").read_text()).data)["specs"]["fam/errored"]
    assert (found["description"], found["source"]) == ("\\x1b[31m", "\\u202e<img>")
