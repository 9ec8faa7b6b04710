"""What pytest collects: specs, and a test for each case with each adapter."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from conformance.case.errors import AdapterUnavailable, SpecError
from conformance.case.load import duplicates, load_spec
from conformance.case.model import Case
from conformance.case.outcomes import Unsupported
from conformance.case.text import visible
from conformance.plugin.runners import SessionRunners
from conformance.results.result import Result


class SpecFile(pytest.File):
    """A spec; a wrong one is a collection error that reads as on the command line.

    Args:
        known: the cases of each spec of the session; those of this one are added to it.
    """

    def __init__(self, *, runners: SessionRunners, known: dict[Path, list[Case]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._runners, self._known = runners, known

    def collect(self) -> Iterable[CaseItem]:
        """Yield every case with every adapter."""
        try:
            cases = load_spec(self.path)
        except SpecError as error:
            raise self.CollectError(visible(str(error), lines=True)) from error
        others = [case for path, there in self._known.items() if path != self.path for case in there]
        if problems := duplicates([*others, *cases]):
            raise self.CollectError("\n".join(problems))
        self._known[self.path] = cases
        for adapter in self._runners:
            for case in cases:
                name = f"{case.id}[{adapter}]"
                yield CaseItem.from_parent(self, name=name, runners=self._runners, case=case, adapter=adapter)


class CaseItem(pytest.Item):
    """One case with one adapter."""

    def __init__(self, *, runners: SessionRunners, case: Case, adapter: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.runners, self.case, self.adapter = runners, case, adapter
        self.line = case.origin.line if case.origin else 1
        self.result: Result | None = None
        self.add_marker(pytest.mark.lstm(family=case.family, adapter=adapter, dtype=case.dtype))
        if self.config.pluginmanager.hasplugin("xdist"):
            self.add_marker(pytest.mark.xdist_group(adapter))

    def setup(self) -> None:
        """Have the adapter's worker ready."""
        try:
            self.runners.start(self.adapter)
        except AdapterUnavailable as error:
            raise pytest.fail.Exception(visible(str(error), lines=True), pytrace=False) from None

    def runtest(self) -> None:
        """Run the case and tell pytest what came of it."""
        self.result = None
        self.result = result = self.runners.run(self.adapter, self.case, self.path)
        versions = ", ".join(f"{package} {version}" for package, version in result.versions.items())
        noise = [] if result.noise is None else [("noise", f"{result.noise:.4g}")]
        self.user_properties += [("outcome", result.outcome.name), *noise, ("versions", visible(versions))]
        if isinstance(result.outcome, Unsupported):
            pytest.skip(visible(result.outcome.reason, lines=True))
        if result.deviates_as_known and result.deviation is not None:
            pytest.xfail(
                visible(result.deviation.reason, lines=True)
            )  # does nothing under --runxfail, where the case fails below
        if result.unexpected or result.deviates_as_known:
            pytest.fail(result.message(), pytrace=False)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Say what `conformance run` says."""
        return super().repr_failure(excinfo, style) if self.result is None else self.result.message()

    def reportinfo(self) -> tuple[Path, int, str]:
        """Say where the case is written down."""
        return self.path, self.line - 1, self.name
