"""`conformance scoreboard`: a static site that compares engines, from the results of any number of runs."""

from __future__ import annotations

from pathlib import Path

import click

from conformance.cli import options


@click.command()
@click.argument("files", nargs=-1, required=True, type=options.FILE, metavar="RESULTS...")
@click.option("-o", "--output", required=True, type=options.NEW_FOLDER, metavar="FOLDER",
              help="The folder of the site; what else lies in it stays.")  # fmt: skip
@options.specs
@click.option("--mistakes", metavar="URL", help="Where docs/mistakes.md is published; mistakes link to it.")
@click.option("--source", metavar="URL", help="Where the checkout is published; reproductions link there.")
def scoreboard(files: tuple[Path, ...], output: Path, specs: Path, mistakes: str | None, source: str | None) -> None:
    """Write a static site: engines by options, every wrong answer with its cause, a history, badges.

    Results of several versions of an engine become its history; the newest is in the table.

    Exit code: 0, or 2 if a file cannot be read or written.
    """
    from conformance.case.load import load_specs
    from conformance.case.text import counted
    from conformance.report.scoreboard.board import Board
    from conformance.report.scoreboard.site import write
    from conformance.results.reading import read_results

    results = [read_results(file) for file in files]
    for each in results:
        if not each.complete:
            click.echo(f"{each.path}: the run was interrupted; the site has what is there", err=True)
    board = Board(results, {case.id: case for case in load_specs(specs)})
    count = write(board, output, mistakes=mistakes, source=source)
    click.echo(f"{counted(len(board.engines), 'engine')}, {counted(count, 'file')} written to {output}")
