"""Writes the scoreboard: a folder of static pages that need no script and no network.

index.html            engines by options
engines/NAME.html     one engine: versions, options, each wrong answer with its cause, history
badges/NAME.svg       the engine in one line, as a picture
badges/NAME.json      the same for the endpoint badge of shields.io
scoreboard.json       the table for other programs
scoreboard.css
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any, Final

from conformance import __version__
from conformance.case.errors import ConformanceError
from conformance.case.text import visible, visible_data
from conformance.files import replace_file
from conformance.lstm.mistakes import BY_ID
from conformance.report.page import demand_jinja, web_address
from conformance.report.scoreboard.board import Board, Counts, counts_of
from conformance.report.scoreboard.engines import Engine
from conformance.report.scoreboard.options import KINDS

DATA: Final = "scoreboard.json"
FORMAT: Final = 1
MARKS: Final = {"right": "✓", "wrong": "✗", "ignored": "∅", "refused": "\N{EN DASH}", "untried": ""}
_LABEL: Final = "LSTM conformance"


def write(board: Board, folder: Path, *, mistakes: str | None = None, source: str | None = None) -> int:
    """Write the site and return the number of its files. What lies in the folder besides is left alone.

    Args:
        board: what it tells.
        folder: is made if it does not exist.
        mistakes: the address at which docs/mistakes.md is published, if it is.
        source: the address at which the files of the checkout are published, to which reproductions link.

    Raises:
        ConformanceError: a file cannot be written, the folder holds another site, or Jinja is not installed.
    """
    demand_jinja()
    if (folder / "index.html").exists() and not (folder / DATA).exists():
        raise ConformanceError(f"{folder} holds a page that is not a scoreboard's; give another folder with -o")
    files = dict(_files(board, mistakes, source))
    for part in ("", "engines", "badges"):
        try:
            (folder / part).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConformanceError(f"{folder / part} cannot be made: {error.strerror}") from error
    for name, text in files.items():
        replace_file(folder / name, text)
    return len(files)


def _files(board: Board, mistakes: str | None, source: str | None) -> Iterator[tuple[str, str]]:
    """The name and text of each file; the data last, which says that the site is whole."""
    environment = _environment()
    common = {
        "board": board,
        "marks": MARKS,
        "kinds": KINDS,
        "counts": counts_of,
        "message": badge_message,
        "about": {mistake.id: mistake for mistake in BY_ID.values()},
        "mistakes": web_address(mistakes),
        "source": (web_address(source) or "").rstrip("/"),
        "version": __version__,
    }
    yield "scoreboard.css", _asset("scoreboard.css")
    yield "index.html", environment.get_template("index.html.j2").render(common)
    page, picture = environment.get_template("engine.html.j2"), environment.get_template("badge.svg.j2")
    for engine in board.engines:
        counts = counts_of(engine.newest)
        message, color = badge_message(counts), _color(counts)
        badge = {"schemaVersion": 1, "label": _LABEL, "message": message, "color": color}
        yield f"engines/{engine.slug}.html", page.render(common, engine=engine)
        yield f"badges/{engine.slug}.json", json.dumps(badge) + "\n"
        yield f"badges/{engine.slug}.svg", picture.render(label=_LABEL, message=message, color=_HEX[color])
    yield DATA, json.dumps(visible_data(data(board)), indent=1, ensure_ascii=False) + "\n"


def badge_message(counts: Counts) -> str:
    """What a badge says: of the cases that the engine answers, how many are right."""
    if not counts.answered:
        return "no answers"
    return f"{counts.right:,} of {counts.answered:,} right"


_HEX: Final = {"brightgreen": "#2e7d32", "yellow": "#8a6100", "red": "#b3261e", "lightgrey": "#616161"}
_MOSTLY = 0.9


def _color(counts: Counts) -> str:
    if not counts.answered:
        return "lightgrey"
    if not counts.wrong:
        return "brightgreen"
    return "yellow" if counts.right >= _MOSTLY * counts.answered else "red"


def data(board: Board) -> dict[str, Any]:
    """The table for other programs: for each engine its versions, counts, options, and causes of wrong answers."""
    return {
        "format": FORMAT,
        "suite": __version__,
        "options": {group.title: list(group.options) for group in board.groups},
        "engines": {engine.name: _engine(board, engine) for engine in board.engines},
    }


def _engine(board: Board, engine: Engine) -> dict[str, Any]:
    cells = {option: board.cell(engine, option) for group in board.groups for option in group.options}
    return {
        "page": f"engines/{engine.slug}.html",
        "versions": engine.newest.info.versions,
        "counts": vars(counts_of(engine.newest)),
        "options": {
            name: {"kind": cell.kind, "cases": cell.cases, "answered": cell.answered, "wrong": len(cell.wrong)}
            for name, cell in cells.items()
        },
        "wrong": [
            {
                "cause": cause.title,
                "known": cause.status == "known",
                "mistakes": list(cause.mistakes),
                "reproductions": list(cause.scripts),
                "links": list(cause.links),
                "cases": [record.case for record in part.records],
            }
            for cause, part in board.wrong(engine.newest)
        ],
        "history": [
            {
                "versions": change.column.info.versions,
                "counts": vars(change.counts),
                "came": [cause.title for cause in change.came],
                "went": [cause.title for cause in change.went],
            }
            for change in board.history(engine)
        ],
    }


def _environment() -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_asset),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["visible"] = visible
    environment.filters["web"] = web_address
    return environment


def _asset(name: str) -> str:
    return resources.files("conformance.report.scoreboard").joinpath("assets", name).read_text(encoding="utf-8")
