"""Fixtures of several modules: a small suite with vectors of its own, and adapters that misbehave."""

import os

import hypothesis
import pytest
from harness import SPECS, Suite, install_broken_adapters, make_suite

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile("without-deadline", deadline=None)
hypothesis.settings.load_profile("without-deadline")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Let a plain `pytest` use every processor; whoever names files or frameworks, or looks on, gets one process."""
    plain = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    one = config.getoption("capture") == "no" or config.getoption("lstm_suite", default=False)
    return (os.cpu_count() or 1) if plain and not one else 0


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    """The specs of `harness.SPECS` with their vectors."""
    pytest.importorskip("flint")  # the golden values are made here and now
    return make_suite(tmp_path_factory.mktemp("suite"), SPECS)


@pytest.fixture
def broken_adapters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the adapters that misbehave installed, as far as this process and its children can tell."""
    install_broken_adapters(monkeypatch)
