"""The hooks of a session that runs conformance cases."""

from __future__ import annotations

import re
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from conformance import __version__
from conformance.adapters import registry
from conformance.case.errors import AdapterUnavailable, ConformanceError
from conformance.case.model import Case
from conformance.case.select import matching
from conformance.case.text import visible
from conformance.case.yaml_lines import MOST_BYTES
from conformance.data import default_folders, displayed
from conformance.files import Claim, FileError, read_file
from conformance.golden.store import VectorStore
from conformance.plugin.items import CaseItem, SpecFile
from conformance.results.deviations import idle, load_deviations, unread
from conformance.results.record import AdapterInfo, Header, Record, selection_digest
from conformance.results.writing import write_results
from conformance.run.limits import MOST_GIB, MOST_SECONDS
from conformance.run.places import demand_used, parse_places
from conformance.run.process import LOAD_SECONDS
from conformance.run.runner import CASE_SECONDS, Runner

_LIKE_A_SPEC = re.compile(r"^[{'\"]*(family|cases)\b", re.MULTILINE)


class ConformanceSession:
    """The hooks of a session that runs conformance cases, its runners and its results."""

    def __init__(self, config: pytest.Config, adapters: list[str]) -> None:
        self._own = own = default_folders()
        for label in map(registry.parse, adapters):
            if not label.place:  # what another place has, it says when the adapter's turn comes
                registry.check(label.name)
        self.config = config
        self.store = VectorStore(_folder(config, "vectors", own.vectors))
        self._deviations = _folder(config, "deviations", own.deviations)
        seconds = _seconds(config, "timeout", CASE_SECONDS)
        loading = _seconds(config, "load-timeout", LOAD_SECONDS)
        memory, in_process = config.getoption("lstm_memory"), config.getoption("lstm_in_process")
        if memory is not None and not 0 < memory <= MOST_GIB:
            raise pytest.UsageError(f"--lstm-memory: needs more than 0 and at most {MOST_GIB} GiB, not {memory:g}")
        if in_process and (memory or config.getoption("lstm_worker")):
            raise pytest.UsageError("--lstm-in-process has no worker to place or to limit")
        if (path := self._results_path()) is not None:
            Claim(path).release()  # it will be written when all has run
        places = parse_places(config.getoption("lstm_worker"))
        demand_used(places, adapters)
        self._known = {name: load_deviations(self._deviations, registry.parse(name).name) for name in adapters}
        self.runners = {
            name: Runner(
                name,
                self.store,
                self._known[name],
                seconds,
                places=places,
                memory=memory,
                load_timeout=loading,
                in_process=in_process,
            )
            for name in adapters
        }
        self.cases: dict[Path, list[Case]] = {}
        self._unavailable: dict[str, str] = {}
        self._records: list[dict[str, Any]] = []  # as plain data, for they may come from another process
        self._adapters: dict[str, dict[str, Any]] = {name: {} for name in adapters}
        self._complete = True
        if config.getoption("lstm_suite"):
            named = config.args if config.args_source is pytest.Config.ArgsSource.ARGS else []
            config.args[:] = [*named, str(own.specs)]

    def _results_path(self) -> Path | None:
        """The file that this process is to write."""
        path = self.config.getoption("lstm_results")
        elsewhere = hasattr(self.config, "workerinput") or self.config.getoption("collectonly")
        return None if path is None or elsewhere else Path(path)

    def options(self, spec: Path) -> tuple[str, ...]:
        """What `conformance run` has to be given to find the same specs, vectors and deviations."""
        given = {"specs": None if spec.is_relative_to(self._own.specs) else str(spec.parent)}
        given |= {name: self.config.getoption(f"lstm_{name}") for name in ("vectors", "deviations")}
        return tuple(word for name, folder in given.items() if folder for word in (f"--{name}", folder))

    def pytest_report_header(self) -> str:
        """Name the adapters and the golden values."""
        return f"lstm-conformance: adapters {', '.join(self.runners)}; vectors {self.store.digest()[:12] or 'none'}"

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> SpecFile | None:
        """Take a `*.yaml` file that is named as an argument; one found in a folder only if it looks like a spec."""
        named = parent.session.isinitpath(file_path)
        if file_path.suffix != ".yaml" or not (named or _is_like_a_spec(file_path)):
            return None
        return SpecFile.from_parent(parent, path=file_path, owner=self)

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
            dropped = [item for item in items if isinstance(item, CaseItem) and item.case.id not in wanted]
            self.config.hook.pytest_deselected(items=dropped)
            items[:] = [item for item in items if not isinstance(item, CaseItem) or item.case.id in wanted]
        order = {adapter: n for n, adapter in enumerate(self.runners)}
        grouped = iter(sorted((i for i in items if isinstance(i, CaseItem)), key=lambda i: order[i.adapter]))
        items[:] = [next(grouped) if isinstance(item, CaseItem) else item for item in items]

    def start(self, adapter: str) -> None:
        """Start an adapter's worker unless it runs, end every other one's. What cannot load is tried only once."""
        for name, runner in self.runners.items():
            if name != adapter:
                runner.close()
        if adapter not in self._unavailable:
            try:
                self.runners[adapter].start()
            except AdapterUnavailable as error:
                self._unavailable[adapter] = str(error)
        if adapter in self._unavailable:
            pytest.fail(visible(self._unavailable[adapter], lines=True), pytrace=False)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Let the result travel with the report, which pytest-xdist carries to the process that writes the file."""
        report = yield
        if isinstance(item, CaseItem) and item.result is not None and call.when == "call":
            told = item.result.record().model_dump(mode="json"), self.runners[item.adapter].info.model_dump()
            report.lstm_result = told  # type: ignore[attr-defined]
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
            self._records.append(found[0])
            self._adapters[found[0]["adapter"]] = found[1]
        elif report.failed and "lstm" in report.keywords:
            self._complete = False  # a case that came to no result

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """End the workers and write the results; without a footer if the session did not get to its end."""
        for runner in self.runners.values():
            runner.close()
        path = self._results_path()
        if path is None:
            return
        cases = {record["case"] for record in self._records}
        header = Header(
            suite=__version__,
            vectors=self.store.digest(),
            cases=len(cases),
            selection=selection_digest(cases),
            adapters={name: AdapterInfo(**info) for name, info in self._adapters.items()},
        )
        stopped = session.shouldfail or session.shouldstop or exitstatus not in (0, pytest.ExitCode.TESTS_FAILED)
        records = [Record(**record) for record in self._records]
        try:
            write_results(path, header, records, complete=self._complete and not stopped)
        except ConformanceError as error:
            pytest.exit(str(error), pytest.ExitCode.USAGE_ERROR)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what in the known deviations can have no effect."""
        there = {*registry.names(), *(registry.parse(name).name for name in self.runners)}
        found = unread(self._deviations, there)
        for name, info in self._adapters.items():
            if info:  # else it did not run
                found += idle(self._known[name], name, AdapterInfo(**info).versions, self._all_cases)
        for warning in dict.fromkeys(found):
            terminalreporter.write_line(f"lstm-conformance: warning: {warning}")

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


def _seconds(config: pytest.Config, option: str, default: float) -> float:
    given: float | None = config.getoption(f"lstm_{option.replace('-', '_')}")
    if given is not None and not 0 < given <= MOST_SECONDS:
        raise pytest.UsageError(f"--lstm-{option}: needs more than 0 and at most {MOST_SECONDS} seconds, not {given:g}")
    return default if given is None else given


def _folder(config: pytest.Config, option: str, default: Path) -> Path:
    given = config.getoption(f"lstm_{option}")
    if given is not None and not Path(given).is_dir():
        raise pytest.UsageError(f"--lstm-{option}: no folder {given}")
    return default if given is None else Path(given)
