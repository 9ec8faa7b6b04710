"""`conformance merge`: combines several results files into one."""

from __future__ import annotations

from pathlib import Path

import click

from conformance.case.text import counted
from conformance.cli import options


@click.command()
@click.argument("files", nargs=-1, required=True, type=options.FILE, metavar="RESULTS...")
@click.option("-o", "--output", required=True, type=options.NEW_FILE, help="The file to write.")
def merge(files: tuple[Path, ...], output: Path) -> None:
    """Combine the results of shards, or of several adapters, into one file.

    Results that do not belong together are refused: different vectors or cases, one adapter in two versions, two
    outcomes of one case, an interrupted run, a missing shard.

    Exit code: 0, or 2 if they cannot be merged.
    """
    from conformance.results.merge import merged
    from conformance.results.reading import read_results
    from conformance.results.writing import write_results

    header, records = merged([read_results(file) for file in files])
    count = write_results(output, header, records)
    click.echo(f"{counted(count, 'result')} of {', '.join(header.adapters)} written to {output}")
