"""The pytest plugin: each case of a spec, with each adapter asked for, is a test named `case-id[adapter]`.

    pytest --lstm-suite --lstm-adapter torch --lstm-adapter mine@npu -n 4 --dist loadgroup
    pytest specs --lstm-adapter mine -m "lstm(family='lengths')" -k "not reverse" --junitxml report.xml

Without `--lstm-adapter` it adds nothing to a session. A case passes, is skipped (unsupported, and why), fails with the
message of `conformance run`, or is expected to fail (a known deviation); an adapter that cannot load is an error of all
its tests. The tests of an adapter stand together, and one adapter's worker lives at a time. Under pytest-xdist each
process starts each adapter it meets; `--dist loadgroup` keeps an adapter, and the cost of its start, in one process.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:  # at run time these wait for an adapter to be asked for: no other session is to pay for them
    from conformance.case.model import Case
    from conformance.run.result import Result

_LIKE_A_SPEC = re.compile(r"^[{'\"]*(family|cases)\b", re.MULTILINE)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options; each but the first means something only beside `--lstm-adapter`."""
    group = parser.getgroup("lstm-conformance", "LSTM conformance")
    many: dict[str, Any] = {"action": "append", "default": []}
    adapter = "Run the cases of LSTM specs (*.yaml) with this adapter; repeatable. Names: conformance doctor"
    place = "Another place for adapters, called PLACE:NAME then; repeatable. SPEC: python=INTERPRETER or ssh=HOST"
    group.addoption("--lstm-adapter", **many, metavar="[PLACE:]NAME[@DEVICE]", help=adapter)
    group.addoption("--lstm-worker", **many, metavar="PLACE=SPEC", help=place)
    group.addoption("--lstm-suite", action="store_true", help="Take the suite's own specs as an argument.")
    group.addoption("--lstm-case", **many, metavar="GLOB", help="Only cases whose id matches; repeatable.")
    group.addoption("--lstm-vectors", metavar="DIR", help="Folder of vectors.  [default: the suite's own]")
    group.addoption("--lstm-deviations", metavar="DIR", help="Folder of known deviations.  [default: the suite's own]")
    group.addoption("--lstm-results", metavar="FILE", help="When the session ends, write its results as JSON lines.")
    group.addoption("--lstm-timeout", type=float, metavar="SECONDS", help="Time a case may take.  [default: 300]")
    memory = "Memory a worker may allocate (Linux).  [default: no limit]"
    group.addoption("--lstm-memory", type=float, metavar="GIB", help=memory)
    debug = "For debuggers: run adapters in this process, without --lstm-timeout; breakpoint() works, a crash ends all."
    group.addoption("--lstm-in-process", action="store_true", help=debug)


def pytest_configure(config: pytest.Config) -> None:
    """Switch on where an adapter is asked for."""
    adapters = list(dict.fromkeys(config.getoption("lstm_adapter")))
    if not adapters:
        for name in ("worker", "suite", "case", "vectors", "deviations", "results", "timeout", "memory", "in-process"):
            if config.getoption(f"lstm_{name.replace('-', '_')}"):
                raise pytest.UsageError(f"--lstm-{name} needs --lstm-adapter NAME; names: conformance doctor")
        return
    from conformance.case.errors import ConformanceError

    config.addinivalue_line("markers", "lstm(family, adapter, dtype): a case, as in -m \"lstm(family='cell')\"")
    try:
        config.pluginmanager.register(ConformanceSession(config, adapters), "lstm-conformance-session")
    except ConformanceError as error:
        raise pytest.UsageError(str(error)) from error


class ConformanceSession:
    """The hooks of a session that runs conformance cases, its runners and its results."""

    def __init__(self, config: pytest.Config, adapters: list[str]) -> None:
        from conformance.adapters import registry
        from conformance.data import default_folders
        from conformance.golden.store import VectorStore
        from conformance.run.deviations import load_deviations
        from conformance.run.places import parse_places
        from conformance.run.runner import CASE_SECONDS, Runner

        self._own = own = default_folders()
        for label in map(registry.parse, adapters):
            if not label.place:  # what another place has, it says when the adapter's turn comes
                registry.check(label.name)
        self.config = config
        self.store = VectorStore(_folder(config, "vectors", own.vectors))
        deviations = _folder(config, "deviations", own.deviations)
        seconds = CASE_SECONDS if config.getoption("lstm_timeout") is None else config.getoption("lstm_timeout")
        if not seconds > 0:
            raise pytest.UsageError(f"--lstm-timeout: {seconds:g} is not a time")
        memory, in_process = config.getoption("lstm_memory"), config.getoption("lstm_in_process")
        if memory is not None and not memory > 0:
            raise pytest.UsageError(f"--lstm-memory: {memory:g} is not an amount of memory")
        if in_process and (memory or config.getoption("lstm_worker")):
            raise pytest.UsageError("--lstm-in-process has no worker to place or to limit")
        places = parse_places(config.getoption("lstm_worker"))
        self.runners = {
            name: Runner(
                name,
                self.store,
                load_deviations(deviations, registry.parse(name).name),
                seconds,
                places=places,
                memory=memory,
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
        if file_path.suffix == ".yaml" and (named or _LIKE_A_SPEC.search(file_path.read_text("utf-8", "replace"))):
            return SpecFile.from_parent(parent, path=file_path, owner=self)
        return None

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        """Keep the cases asked for, and bring each adapter's together."""
        from conformance.case.errors import ConformanceError
        from conformance.run.select import matching

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
        from conformance.case.errors import AdapterUnavailable

        for name, runner in self.runners.items():
            if name != adapter:
                runner.close()
        if adapter not in self._unavailable:
            try:
                self.runners[adapter].start()
            except AdapterUnavailable as error:
                self._unavailable[adapter] = str(error)
        if adapter in self._unavailable:
            pytest.fail(self._unavailable[adapter], pytrace=False)

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
                report.longrepr = (str(item.path), item.line, report.longrepr[2])  # where the case is, not pytest.skip
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
        path = self.config.getoption("lstm_results")
        if path is None or hasattr(self.config, "workerinput") or self.config.getoption("collectonly"):
            return
        from conformance import __version__
        from conformance.run.record import AdapterInfo, Header, Record, selection_digest
        from conformance.run.results import ResultsFile

        cases = {record["case"] for record in self._records}
        header = Header(
            suite=__version__,
            vectors=self.store.digest(),
            cases=len(cases),
            selection=selection_digest(cases),
            adapters={name: AdapterInfo(**info) for name, info in self._adapters.items()},
        )
        file = ResultsFile(Path(path), header)
        for record in self._records:
            file.add(Record(**record))
        stopped = session.shouldfail or session.shouldstop or exitstatus not in (0, pytest.ExitCode.TESTS_FAILED)
        file.close(complete=self._complete and not stopped)


class SpecFile(pytest.File):
    """A spec; a wrong one is a collection error that reads as on the command line."""

    def __init__(self, *, owner: ConformanceSession, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.owner = owner

    def collect(self) -> Iterable[CaseItem]:
        """Yield every case with every adapter."""
        from conformance.case.errors import SpecError
        from conformance.case.load import duplicates, load_spec

        try:
            cases = load_spec(self.path)
        except SpecError as error:
            raise self.CollectError(str(error)) from error
        others = [case for path, known in self.owner.cases.items() if path != self.path for case in known]
        if problems := duplicates([*others, *cases]):
            raise self.CollectError("\n".join(problems))
        self.owner.cases[self.path] = cases
        for adapter in self.owner.runners:
            for case in cases:
                name = f"{case.id}[{adapter}]"
                yield CaseItem.from_parent(self, name=name, owner=self.owner, case=case, adapter=adapter)


class CaseItem(pytest.Item):
    """One case with one adapter."""

    def __init__(self, *, owner: ConformanceSession, case: Case, adapter: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.owner, self.case, self.adapter = owner, case, adapter
        self.line = case.origin.line if case.origin else 1
        self.result: Result | None = None
        self.add_marker(pytest.mark.lstm(family=case.family, adapter=adapter, dtype=case.dtype))
        if self.config.pluginmanager.hasplugin("xdist"):
            self.add_marker(pytest.mark.xdist_group(adapter))

    def setup(self) -> None:
        """Have the adapter's worker ready."""
        self.owner.start(self.adapter)

    def runtest(self) -> None:
        """Run the case and tell pytest what came of it."""
        from conformance.case.outcomes import Unsupported, name_of

        self.result = None
        result = self.owner.runners[self.adapter].run(self.case)
        self.result = result = replace(result, options=(*self.owner.options(self.path), *result.options))
        versions = ", ".join(f"{package} {version}" for package, version in result.versions.items())
        noise = [] if result.noise is None else [("noise", f"{result.noise:.4g}")]
        self.user_properties += [("outcome", name_of(result.outcome)), *noise, ("versions", versions)]
        if isinstance(result.outcome, Unsupported):
            pytest.skip(result.outcome.reason)
        if result.deviates_as_known and result.deviation is not None:
            pytest.xfail(result.deviation.reason)  # does nothing under --runxfail, where the case fails below
        if result.unexpected or result.deviates_as_known:
            pytest.fail(result.message(), pytrace=False)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Say what `conformance run` says."""
        return super().repr_failure(excinfo, style) if self.result is None else self.result.message()

    def reportinfo(self) -> tuple[Path, int, str]:
        """Say where the case is written down."""
        return self.path, self.line - 1, self.name


def _folder(config: pytest.Config, option: str, default: Path) -> Path:
    given = config.getoption(f"lstm_{option}")
    if given is not None and not Path(given).is_dir():
        raise pytest.UsageError(f"--lstm-{option}: no folder {given}")
    return default if given is None else Path(given)
