"""The pytest plugin: each case of a spec, with each adapter given, is a test named `case-id[adapter]`.

    pytest --lstm-suite --lstm-adapter torch --lstm-adapter mine@npu -n 4 --dist loadgroup
    pytest specs --lstm-adapter mine -m "lstm(family='lengths')" -k "not reverse" --junitxml report.xml

Without `--lstm-adapter` it adds nothing to a session. A case passes, is skipped (unsupported, and why), fails with the
message of `conformance run`, or is expected to fail (a known deviation); if an adapter cannot load, all its tests are
errors. The tests of an adapter run one after the other, and only one adapter's worker is alive at a time. Under
pytest-xdist each process starts every adapter it meets; with `--dist loadgroup` each adapter stays in one process and
starts only once.

The fixture `lstm_case` is for tests of one's own, and needs no option: they run once for each of the cases that the
marker `lstm_cases` chooses (conformance.plugin.own_tests).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conformance.plugin.own_tests import MARKED, lstm_case, pytest_generate_tests

__all__ = ["lstm_case", "pytest_addoption", "pytest_configure", "pytest_generate_tests"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options; all others need `--lstm-adapter`."""
    group = parser.getgroup("lstm-conformance", "LSTM conformance")
    many: dict[str, Any] = {"action": "append", "default": []}
    adapter = (
        "Run the cases of LSTM specs (*.yaml) with this adapter, that of FILE.py:CLASS or of command:PATH; repeatable. "
    )
    adapter += "For names see conformance doctor."
    place = "Another place to run adapters, then called PLACE:NAME; repeatable. SPEC: python=INTERPRETER or ssh=HOST"
    group.addoption("--lstm-adapter", **many, metavar="[PLACE:]NAME[@DEVICE]", help=adapter)
    group.addoption("--lstm-worker", **many, metavar="PLACE=SPEC", help=place)
    named = "A YAML file of harnesses by name, besides those in pyproject.toml: NAME: COMMAND"
    group.addoption("--lstm-harnesses", metavar="FILE", help=named)
    group.addoption("--lstm-suite", action="store_true", help="Also collect the suite's own specs.")
    group.addoption(
        "--lstm-case", **many, metavar="GLOB", help="Only cases whose id matches; !GLOB: not these. Repeatable."
    )
    group.addoption(
        "--lstm-quick",
        action="store_true",
        help="Only the cheapest cases that catch, with each adapter, every known mistake that all cases catch.",
    )
    group.addoption("--lstm-vectors", metavar="DIR", help="Folder of vectors.  [default: the suite's own]")
    group.addoption("--lstm-deviations", metavar="DIR", help="Folder of known deviations.  [default: the suite's own]")
    group.addoption(
        "--lstm-results", metavar="FILE", help="Write the results to this file when the session ends, as JSON lines."
    )
    group.addoption("--lstm-timeout", type=float, metavar="SECONDS", help="Time a case may take.  [default: 300]")
    loading = "Time an adapter may take to load.  [default: 300]"
    group.addoption("--lstm-load-timeout", type=float, metavar="SECONDS", help=loading)
    memory = "Memory a worker may allocate, in GiB (Linux only).  [default: no limit]"
    group.addoption("--lstm-memory", type=float, metavar="GIB", help=memory)
    debug = (
        "For debugging: run adapters in this process. No --lstm-timeout; breakpoint() works; a crash ends the session."
    )
    group.addoption("--lstm-in-process", action="store_true", help=debug)


def pytest_configure(config: pytest.Config) -> None:
    """Activate the plugin if an adapter is given."""
    config.addinivalue_line("markers", f"lstm_cases({', '.join(MARKED)}): the cases of a test with `lstm_case`")
    adapters = list(dict.fromkeys(config.getoption("lstm_adapter")))
    if not adapters:
        for name in (
            "worker",
            "harnesses",
            "suite",
            "case",
            "quick",
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
    # Imported only if an adapter is given: other sessions must not pay for it.
    from conformance.adapters.harness import configuration
    from conformance.case.errors import ConformanceError
    from conformance.plugin.session import ConformanceSession

    config.addinivalue_line("markers", "lstm(family, adapter, dtype): a case, as in -m \"lstm(family='cell')\"")
    try:
        if (named := config.getoption("lstm_harnesses")) is not None:
            configuration.use(Path(named))
        config.pluginmanager.register(ConformanceSession(config, adapters), "lstm-conformance-session")
    except ConformanceError as error:
        raise pytest.UsageError(str(error)) from error
