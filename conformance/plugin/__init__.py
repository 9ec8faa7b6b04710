"""The pytest plugin: each case of a spec, with each adapter asked for, is a test named `case-id[adapter]`.

    pytest --lstm-suite --lstm-adapter torch --lstm-adapter mine@npu -n 4 --dist loadgroup
    pytest specs --lstm-adapter mine -m "lstm(family='lengths')" -k "not reverse" --junitxml report.xml

Without `--lstm-adapter` it adds nothing to a session. A case passes, is skipped (unsupported, and why), fails with the
message of `conformance run`, or is expected to fail (a known deviation); an adapter that cannot load is an error of all
its tests. The tests of an adapter stand together, and one adapter's worker lives at a time. Under pytest-xdist each
process starts each adapter it meets; `--dist loadgroup` keeps an adapter, and the cost of its start, in one process.
"""

from __future__ import annotations

from typing import Any

import pytest


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
    loading = "Time an adapter may take to load.  [default: 300]"
    group.addoption("--lstm-load-timeout", type=float, metavar="SECONDS", help=loading)
    memory = "Memory a worker may allocate (Linux).  [default: no limit]"
    group.addoption("--lstm-memory", type=float, metavar="GIB", help=memory)
    debug = "For debuggers: run adapters in this process, without --lstm-timeout; breakpoint() works, a crash ends all."
    group.addoption("--lstm-in-process", action="store_true", help=debug)


def pytest_configure(config: pytest.Config) -> None:
    """Switch on where an adapter is asked for."""
    adapters = list(dict.fromkeys(config.getoption("lstm_adapter")))
    if not adapters:
        for name in (
            "worker",
            "suite",
            "case",
            "vectors",
            "deviations",
            "results",
            "timeout",
            "load-timeout",
            "memory",
            "in-process",
        ):
            if config.getoption(f"lstm_{name.replace('-', '_')}"):
                raise pytest.UsageError(f"--lstm-{name} needs --lstm-adapter NAME; names: conformance doctor")
        return
    # Not before an adapter is asked for: no other session is to pay for these imports.
    from conformance.case.errors import ConformanceError
    from conformance.plugin.session import ConformanceSession

    config.addinivalue_line("markers", "lstm(family, adapter, dtype): a case, as in -m \"lstm(family='cell')\"")
    try:
        config.pluginmanager.register(ConformanceSession(config, adapters), "lstm-conformance-session")
    except ConformanceError as error:
        raise pytest.UsageError(str(error)) from error
