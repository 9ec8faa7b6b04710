"""The command `conformance`: one module per command. Each reads its options, calls the package, and prints.

At the top they import little more than click: `conformance list` must not wait for packages that it does not use.
"""

from __future__ import annotations

import sys
from typing import Any

import click

from conformance import __version__
from conformance.case.errors import ConformanceError
from conformance.cli.cases import export, list_cases, schema, show
from conformance.cli.check import check, import_files
from conformance.cli.convert import convert
from conformance.cli.design import design
from conformance.cli.doctor import doctor
from conformance.cli.engines import engines
from conformance.cli.fuzz import fuzz
from conformance.cli.gate import baseline, gate
from conformance.cli.generate import generate
from conformance.cli.interrupts import interrupts
from conformance.cli.merge import merge
from conformance.cli.mistakes import mistakes
from conformance.cli.new_adapter import new_adapter
from conformance.cli.report import report
from conformance.cli.run import run
from conformance.cli.scoreboard import scoreboard
from conformance.cli.smoke import smoke
from conformance.cli.streams import print_error, standard_streams
from conformance.cli.upgrade import upgrade


class _Group(click.Group):
    """Turns the suite's own errors into a message and exit code 2, and an interrupt into exit code 130."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        try:
            with standard_streams():
                return super().main(*args, **kwargs)
        except ConformanceError as error:
            from conformance.case.text import visible

            print_error(visible(str(error), lines=True))
            sys.exit(2)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with interrupts():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(130)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Check LSTM implementations against proven golden vectors."""


_COMMANDS = (
    *(check, import_files),
    *(run, merge, gate, baseline, upgrade, report, scoreboard),
    *(list_cases, show, export, schema, generate, design, mistakes),
    *(doctor, engines, smoke, fuzz, new_adapter),
    convert,
)
for _command in _COMMANDS:
    main.add_command(_command)
