"""Fixtures of several modules: a small suite with vectors of its own, and adapters that misbehave."""

import pytest
from harness import SPECS, Suite, install_broken_adapters

from conformance.case.load import load_specs
from conformance.golden.store import VectorStore


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    """The specs of `harness.SPECS` with their vectors."""
    pytest.importorskip("flint")  # the golden values are made here and now
    from conformance.golden.build import build

    root = tmp_path_factory.mktemp("suite")
    specs, store, deviations = root / "specs", VectorStore(root / "vectors"), root / "deviations"
    specs.mkdir()
    deviations.mkdir()
    for name, text in SPECS.items():
        (specs / name).write_text(text)
    cases = load_specs(specs)
    for case in cases:
        built = build(case)
        store.save(case, built.vector.to_bytes(), built.bits)
    store.write_manifest()
    return Suite(specs, store.root, deviations, {case.id: case for case in cases})


@pytest.fixture
def broken_adapters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the adapters that misbehave installed, as far as this process and its children can tell."""
    install_broken_adapters(monkeypatch)
