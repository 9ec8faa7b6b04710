"""The options and the output of a gate, shared by `conformance gate` and `conformance upgrade`."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from conformance.cli import options

if TYPE_CHECKING:
    from conformance.results.reading import Results

_drift = click.option(
    "--drift",
    type=options.Number(1, 1_000_000, min_open=True),
    default=4.0,
    show_default=True,
    metavar="FACTOR",
    help="Factor by which the noise of a passing case may grow.",
)
_accept_known = click.option(
    "--accept-known", is_flag=True, help="Do not close the gate for what a known deviation explains."
)
_everything = click.option(
    "--all", "everything", is_flag=True, help="Show every change, not only a few of each family."
)
_markdown = click.option("--markdown", type=options.NEW_FILE, help="Also write Markdown, for a CI summary.")
_junit = click.option("--junit", type=options.NEW_FILE, help="Also write JUnit XML.")


@dataclass(frozen=True)
class GateOptions:
    """What a gate lets pass, and where it reports its findings; each field is one of the options."""

    drift: float
    accept_known: bool
    everything: bool
    as_json: bool
    markdown: Path | None
    junit: Path | None

    def exit_code(self, before: Results, after: Results) -> int:
        """Print and write what the gate finds.

        Returns:
            0 if the gate is open, 1 if it is closed.

        Raises:
            ConformanceError: the two runs cannot be compared, or a file cannot be written.
        """
        from conformance.files import replace_file
        from conformance.results.gate import gate as compare
        from conformance.views import gate as view

        for output in (self.markdown, self.junit):
            options.demand_other_file(output, (before.path, after.path))
        found = compare(before, after, drift=self.drift, accept_known=self.accept_known)
        moved = view.versions(before, after)
        if self.as_json:
            click.echo(json.dumps(view.as_json(found), indent=1))
        else:
            click.echo(moved)
            if found.changes:
                options.console().print(view.table(found, everything=self.everything))
            click.echo(view.total(found))
        if self.markdown is not None:
            replace_file(self.markdown, view.as_markdown(found, moved))
        if self.junit is not None:
            replace_file(self.junit, view.as_junit(found))
        return 1 if found.closed else 0


def gate_options(command: Callable[..., None]) -> Callable[..., None]:
    """Decorate a command with the options of a gate, which it receives as one argument `gating`."""

    @functools.wraps(command)
    def taken(
        drift: float,
        accept_known: bool,
        everything: bool,
        as_json: bool,
        markdown: Path | None,
        junit: Path | None,
        **others: Any,
    ) -> None:
        command(gating=GateOptions(drift, accept_known, everything, as_json, markdown, junit), **others)

    for option in (_junit, _markdown, options.as_json, _everything, _accept_known, _drift):
        taken = option(taken)
    return taken
