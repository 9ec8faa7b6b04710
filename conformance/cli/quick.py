"""--quick, --budget and --times: the options, and the cases that they choose for each adapter."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from conformance.cli import options

if TYPE_CHECKING:
    from conformance.case.model import Case
    from conformance.quick.choose import Chooser
    from conformance.results.deviations import Deviation


_TIME = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)(s|m|h|)", re.ASCII)
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def _seconds(context: click.Context, parameter: click.Parameter, text: str | None) -> float | None:
    """Seconds of `30`, `30s`, `1.5m` or `1h`."""
    if text is None:
        return None
    found = _TIME.fullmatch(text)
    if found is None:
        raise click.BadParameter(f"{text!r:.40} is not a time; give seconds, as in 30s, or minutes, as in 1.5m")
    return float(found[1]) * _UNITS[found[2]]


_quick = click.option(
    "--quick",
    is_flag=True,
    help="Only the cheapest cases that catch, with each adapter, every known mistake that all cases catch "
    "(docs/quick.md).",
)
_budget = click.option(
    "--budget",
    callback=_seconds,
    metavar="TIME",
    help="With --quick: what the cases of an adapter may cost together, such as 30s; the best that fit.",
)
_times = click.option(
    "--times",
    type=options.FILE,
    metavar="RESULTS",
    help="With --quick: take what cases cost, and what an adapter refuses, from this results file.",
)


@dataclass(frozen=True)
class QuickOptions:
    """What is asked for. budget: seconds. times: a results file."""

    budget: float = math.inf
    times: Path | None = None

    def chooser(self, vectors: Path) -> Chooser:
        """What chooses the cases.

        Raises:
            ConformanceError: a file cannot be read, or there is no table of catches.
        """
        from conformance.golden.store import VectorStore
        from conformance.quick import seconds
        from conformance.quick.choose import Chooser, keys_of
        from conformance.results.reading import read_results

        own = None
        if self.times is not None:
            own = seconds.measured(read_results(self.times).records, keys_of(VectorStore(vectors)))
        return Chooser(vectors, own)

    def said_of(
        self,
        cases: Sequence[Case],
        vectors: Path,
        supports: Mapping[str, Callable[[Case], bool]],
        known: Mapping[str, Sequence[Deviation]],
        *,
        beside: bool,
    ) -> dict[str, list[Case]]:
        """The quick ones of some cases for each adapter, in their order; how many these are is printed.

        Args:
            supports: whether an adapter takes a case, by label. known: its known deviations.
            beside: print on standard error.
        """
        from conformance.adapters import registry
        from conformance.views.quick import in_words

        chooser, given = self.chooser(vectors), {}
        for label, takes in supports.items():
            found = chooser.choose(cases, registry.parse(label).name, takes, known[label], self.budget)
            click.echo(in_words(label, found), err=beside)
            given[label] = [case for case in cases if case.id in found.ids]
        return given


def quick_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command --quick, --budget and --times as one argument `quick`, which is None without --quick."""

    @functools.wraps(command)
    def taken(quick: bool, budget: float | None, times: Path | None, **others: Any) -> None:
        if not quick and (budget is not None or times is not None):
            raise click.UsageError(f"--{'times' if budget is None else 'budget'} is about --quick: give that, too")
        asked = QuickOptions(math.inf if budget is None else budget, times) if quick else None
        command(quick=asked, **others)

    for option in (_times, _budget, _quick):
        taken = option(taken)
    return taken
