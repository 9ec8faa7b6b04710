"""`conformance gate` and `conformance baseline`: compare two runs."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from conformance.case.text import counted
from conformance.cli import options
from conformance.cli.gating import GateOptions, gate_options


@click.command()
@click.argument("before", type=options.FILE)
@click.argument("after", type=options.FILE)
@gate_options
def gate(
    before: Path,
    after: Path,
    gating: GateOptions,
) -> None:
    """Compare the results of two runs, such as a framework before and after an upgrade.

    The gate closes if cases newly fail, crash or become unsupported, or if their noise has grown too much. A run of
    other golden vectors, an interrupted run and a run in which cases have vanished are refused.

    Exit code: 0 nothing got worse, 1 something did, 2 the two cannot be compared.
    """
    from conformance.results.reading import read_results

    sys.exit(gating.exit_code(read_results(before), read_results(after)))


@click.command()
@click.argument("results", type=options.FILE)
@click.option("-o", "--output", required=True, type=options.NEW_FILE, help="The file to write.")
def baseline(results: Path, output: Path) -> None:
    """Reduce a results file to what `conformance gate` needs: small, sorted, fit for a repository.

    Exit code: 0, or 2 if the run was interrupted or is only one of several shards.
    """
    from conformance.results.gate import essence
    from conformance.results.reading import demand_whole, read_results
    from conformance.results.writing import write_results

    found = demand_whole(read_results(results))
    count = write_results(output, found.header, essence(found.records))
    click.echo(f"{counted(count, 'result')} of {', '.join(found.header.adapters)} written to {output}")
