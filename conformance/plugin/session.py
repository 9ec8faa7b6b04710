"""The hooks of a session that runs conformance cases."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from conformance import __version__
from conformance.adapters import registry
from conformance.case.errors import ConformanceError
from conformance.case.model import CHECKED, Case
from conformance.case.select import matching
from conformance.case.yaml_lines import MOST_BYTES
from conformance.data import default_folders, displayed
from conformance.files import Claim, FileError, read_file
from conformance.plugin.items import CaseItem, SpecFile
from conformance.plugin.runners import SessionRunners
from conformance.results.deviations import idle, unread
from conformance.results.record import AdapterInfo, Asked, Header, Record, Shared, selection_digest
from conformance.results.shared.conditions import CaseConditions
from conformance.results.shared.find import shared_by_unexpected
from conformance.results.shared.wording import as_text
from conformance.results.writing import write_results
from conformance.run.places import demand_used, parse_places
from conformance.run.settings import RunSettings

_PREFIX = "--lstm-"
_LIKE_A_SPEC = re.compile(r"^[{'\"]*(family|cases)\b", re.MULTILINE)


class ConformanceSession:
    """The hooks of a session that runs conformance cases, its runners and its results."""

    def __init__(self, config: pytest.Config, adapters: list[str]) -> None:
        for label in map(registry.parse, adapters):
            if not label.place:  # what another place has, it says when the adapter's turn comes
                registry.demand(label)
        self.config = config
        settings = _settings(config)
        if (path := self._results_path()) is not None:
            Claim(path).release()  # it will be written when all has run
        demand_used(settings.places, adapters)
        self._deviations = settings.deviations
        self._runners = SessionRunners(adapters, settings)
        self.cases: dict[Path, list[Case]] = {}
        self._records: list[Record] = []
        self._asked: dict[str, Case] = {}
        self._adapters: dict[str, dict[str, Any]] = {name: {} for name in adapters}
        self._complete = True
        if config.getoption("lstm_suite"):
            named = config.args if config.args_source is pytest.Config.ArgsSource.ARGS else []
            config.args[:] = [*named, str(default_folders().specs)]

    def _results_path(self) -> Path | None:
        """The file that this process is to write."""
        path = self.config.getoption("lstm_results")
        elsewhere = hasattr(self.config, "workerinput") or self.config.getoption("collectonly")
        return None if path is None or elsewhere else Path(path)

    def pytest_report_header(self) -> str:
        """Name the adapters and the golden values."""
        vectors = self._runners.store.digest()[:12] or "none"
        return f"lstm-conformance: adapters {', '.join(self._runners)}; vectors {vectors}"

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> SpecFile | None:
        """Take a `*.yaml` file that is named as an argument; one found in a folder only if it looks like a spec."""
        named = parent.session.isinitpath(file_path)
        if file_path.suffix != ".yaml" or not (named or _is_like_a_spec(file_path)):
            return None
        return SpecFile.from_parent(parent, path=file_path, runners=self._runners, known=self.cases)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        """Keep the cases asked for, and bring each adapter's together."""
        if patterns := self.config.getoption("lstm_case"):
            try:
                wanted = {case.id for case in matching([c for cases in self.cases.values() for c in cases], patterns)}
            except ConformanceError as error:
                wanted = set()
                if not session.testsfailed:  # else they may be in a file that could not be read, which has been said
                    report = pytest.CollectReport("--lstm-case", "failed", str(error), [])
                    self.config.hook.pytest_collectreport(report=report)
            self._keep(items, lambda item: item.case.id in wanted)
        if self.config.getoption("lstm_quick"):
            try:
                quick = self._runners.quick(item.case for item in items if isinstance(item, CaseItem))
            except ConformanceError as error:
                raise pytest.UsageError(f"--lstm-quick: {error}") from error
            self._keep(items, lambda item: item.case.id in quick[item.adapter])
        order = {adapter: n for n, adapter in enumerate(self._runners)}
        grouped = iter(sorted((i for i in items if isinstance(i, CaseItem)), key=lambda i: order[i.adapter]))
        items[:] = [next(grouped) if isinstance(item, CaseItem) else item for item in items]

    def _keep(self, items: list[pytest.Item], wanted: Callable[[CaseItem], bool]) -> None:
        """Deselect the cases that are not wanted."""
        dropped = [item for item in items if isinstance(item, CaseItem) and not wanted(item)]
        self.config.hook.pytest_deselected(items=dropped)
        items[:] = [item for item in items if not isinstance(item, CaseItem) or wanted(item)]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Let the result travel with the report, which pytest-xdist carries to the process that writes the file."""
        report = yield
        if isinstance(item, CaseItem) and item.result is not None and call.when == "call":
            report.lstm_result = {  # type: ignore[attr-defined]  # plain data, for pytest-xdist
                "record": item.result.record().model_dump(mode="json"),
                "adapter": self._runners.info(item.adapter).model_dump(),
                "case": item.case.model_dump(mode="json", exclude_defaults=True),
            }
            if report.skipped and isinstance(report.longrepr, tuple):
                # Where the case is, not pytest.skip.
                report.longrepr = (displayed(item.path), item.line, report.longrepr[2])
        return report

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note that cases are missing where a file could not be read."""
        self._complete &= not report.failed

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Gather the results as they come."""
        if found := getattr(report, "lstm_result", None):
            record = Record(**found["record"])
            self._records.append(record)
            self._adapters[record.adapter] = found["adapter"]
            if record.case not in self._asked:
                self._asked[record.case] = Case.model_validate(found["case"], context=CHECKED)
        elif report.failed and "lstm" in report.keywords:
            self._complete = False  # a case that came to no result

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """End the workers and write the results; without a footer if the session did not get to its end."""
        self._runners.close()
        path = self._results_path()
        if path is None:
            return
        cases = {record.case for record in self._records}
        header = Header(
            suite=__version__,
            vectors=self._runners.store.digest(),
            cases=len(cases),
            selection=selection_digest(cases),
            quick={
                name: Asked.of(record.case for record in self._records if record.adapter == name)
                for name in (self._adapters if self.config.getoption("lstm_quick") else ())
            },
            adapters={name: AdapterInfo(**info) for name, info in self._adapters.items()},
        )
        stopped = session.shouldfail or session.shouldstop or exitstatus not in (0, pytest.ExitCode.TESTS_FAILED)
        complete = self._complete and not stopped
        try:
            write_results(path, header, self._records, complete=complete, shared=self._shared)
        except ConformanceError as error:
            pytest.exit(str(error), pytest.ExitCode.USAGE_ERROR)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what failing cases have in common, and what in the known deviations can have no effect."""
        for shared in self._shared:
            for line in as_text(shared).splitlines():
                terminalreporter.write_line(f"lstm-conformance: {line}")
        there = {*registry.available(), *(registry.parse(name).name for name in self._runners)}
        found = unread(self._deviations, there)
        for name, info in self._adapters.items():
            if info:  # else it did not run
                found += idle(self._runners.known[name], name, AdapterInfo(**info).versions, self._all_cases)
        for warning in dict.fromkeys(found):
            terminalreporter.write_line(f"lstm-conformance: warning: {warning}")

    @cached_property
    def _shared(self) -> list[Shared]:
        """What the unexpected failures of each adapter have in common, when all have run."""
        conditions = CaseConditions(self._asked.values())
        own = {name: [record for record in self._records if record.adapter == name] for name in self._adapters}
        return [each for name, records in own.items() for each in shared_by_unexpected(name, records, conditions)]

    @property
    def _all_cases(self) -> list[str] | None:
        """The ids of all cases there are, where the suite's own are among those collected in this process."""
        ids = [case.id for cases in self.cases.values() for case in cases]
        return ids if ids and self._complete and self.config.getoption("lstm_suite") else None


def _is_like_a_spec(path: Path) -> bool:
    try:
        return _LIKE_A_SPEC.search(read_file(path, MOST_BYTES).decode("utf-8", "replace")) is not None
    except FileError:  # whatever it is, nobody has named it
        return False


def _settings(config: pytest.Config) -> RunSettings:
    """What the options say; one that was not given is what `conformance run` has for it.

    Raises:
        ConformanceError: a value is not allowed.
    """
    names = ("vectors", "deviations", "timeout", "load_timeout", "memory", "in_process")
    given = {name: config.getoption(f"lstm_{name}") for name in names}
    values = {name: value for name, value in given.items() if value is not None}
    values |= {name: Path(values[name]) for name in ("vectors", "deviations") if name in values}
    places = parse_places(config.getoption("lstm_worker"), f"{_PREFIX}worker")
    return RunSettings(**values, places=places, prefix=_PREFIX)
