"""`conformance gate` and `baseline`: two runs compared."""

from __future__ import annotations

import sys
from pathlib import Path

import click

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
    """Compare the results of two runs, of a framework before and after an upgrade.

    Newly failing, crashing or unsupported cases and noise that drifted close the gate. A run of other golden vectors,
    an interrupted one, and one in which cases have vanished are refused.

    Exit code: 0 nothing got worse, 1 something did, 2 the two cannot be compared.
    """
    from conformance.results.reading import read_results

    sys.exit(gating.exit_code(read_results(before), read_results(after)))


@click.command()
@click.argument("results", type=options.FILE)
@click.option("-o", "--output", required=True, type=options.NEW_FILE, help="The file to write.")
def baseline(results: Path, output: Path) -> None:
    """Keep of a results file what `conformance gate` needs: small, sorted, fit for a repository.

    Exit code: 0, or 2 where the run was interrupted, or is only one shard of several.
    """
    from conformance.results.gate import essence
    from conformance.results.reading import demand_whole, read_results
    from conformance.results.writing import write_results

    found = demand_whole(read_results(results))
    count = write_results(output, found.header, essence(found.records))
    click.echo(f"{count} results of {', '.join(found.header.adapters)} written to {output}")
