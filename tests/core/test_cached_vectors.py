"""Vectors made on demand, and their cache."""

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stores import SPEC, UNJUDGEABLE, cases_of, contents, flip, snapshot

from conformance.case.errors import GenerationError, VectorError
from conformance.case.model import Case
from conformance.files import Claim
from conformance.golden.cache import cached, make, missing
from conformance.golden.cache import folder as cache_folder
from conformance.golden.metadata import file_of
from conformance.golden.vector import Vector


@pytest.fixture
def on_demand(pristine: tuple[Path, list[Case]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Case, bytes]:
    """A case with an empty cache, and the bytes of its vector."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert cache_folder().is_relative_to(tmp_path)
    root, (plain, _) = pristine
    return plain, (root / "fam/plain.safetensors").read_bytes()


def cache_files() -> list[Path]:
    return sorted(cache_folder().iterdir())


def test_the_cache_is_made_and_then_reused(on_demand: tuple[Case, bytes]) -> None:
    case, data = on_demand
    assert file_of(case, cached(case)) == data
    vector, digest = cache_files()
    assert (vector.suffix, digest.suffix) == (".safetensors", ".sha256")
    assert vector.read_bytes() == data
    before = snapshot(cache_folder())
    assert file_of(case, cached(case)) == data
    assert snapshot(cache_folder()) == before
    # What is there is what is handed out: nothing is computed again.
    made_of = Vector.from_bytes(data)
    other = Vector(made_of.arrays, made_of.golden | {"y": np.full(case.outputs["y"], 7.0)}, made_of.kappa)
    vector.write_bytes(file_of(case, other))
    digest.write_text(hashlib.sha256(file_of(case, other)).hexdigest())
    assert np.all(cached(case).golden["y"] == 7.0)


def test_a_vector_that_another_run_is_making_is_waited_for(on_demand: tuple[Case, bytes]) -> None:
    case, data = on_demand
    cached(case)
    vector, digest = cache_files()
    made_of = Vector.from_bytes(data)
    other = Vector(made_of.arrays, made_of.golden | {"y": np.full(case.outputs["y"], 7.0)}, made_of.kappa)
    digest.unlink()
    with ThreadPoolExecutor(1) as pool:
        with Claim(vector.with_suffix(".claim")):
            waiting = pool.submit(cached, case)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.5)
            vector.write_bytes(file_of(case, other))
            digest.write_text(hashlib.sha256(file_of(case, other)).hexdigest())
        assert np.all(waiting.result(timeout=60).golden["y"] == 7.0)  # what the other run made, not made again
    assert cache_files() == [vector, digest]


@pytest.mark.parametrize(
    "damage",
    [
        lambda vector, digest: flip(vector, -1),
        lambda vector, digest: flip(vector, 8),
        lambda vector, digest: os.truncate(vector, 100),
        lambda vector, digest: vector.unlink(),
        lambda vector, digest: digest.unlink(),
        lambda vector, digest: digest.write_bytes(b"\xff\x00"),
        lambda vector, digest: flip(digest, 0),
    ],
    ids=["number", "header", "truncated", "no-vector", "no-digest", "digest-not-text", "other-digest"],
)
def test_a_damaged_cache_is_repaired(on_demand: tuple[Case, bytes], damage: Callable[[Path, Path], Any]) -> None:
    case, data = on_demand
    cached(case)
    whole = contents(cache_folder())
    damage(*cache_files())
    assert contents(cache_folder()) != whole
    assert file_of(case, cached(case)) == data
    assert contents(cache_folder()) == whole


@pytest.mark.parametrize("obstacle", [Path.mkdir, os.mkfifo])
def test_what_is_in_the_way_in_the_cache_is_named_with_what_to_do(
    on_demand: tuple[Case, bytes], obstacle: Callable[[Path], Any]
) -> None:
    case, _ = on_demand
    cached(case)
    vector, _ = cache_files()
    vector.unlink()
    obstacle(vector)
    with pytest.raises(VectorError, match=r"\.safetensors: cannot be written: .* if it is in the way, remove it$"):
        cached(case)


def test_a_changed_case_has_a_cache_of_its_own(on_demand: tuple[Case, bytes]) -> None:
    case, data = on_demand
    cached(case)
    assert cached(case.model_copy(update={"T": 3})).golden["y"].shape == (3, 4, 3)
    assert len(cache_files()) == 4
    assert file_of(case, cached(case)) == data


def test_a_case_that_cannot_be_made_leaves_no_cache(on_demand: tuple[Case, bytes], tmp_path: Path) -> None:
    infinite = cases_of(SPEC + UNJUDGEABLE, tmp_path)[3]
    with pytest.raises(GenerationError, match="holds NaN or infinity"):
        cached(infinite)
    assert not cache_folder().exists() or cache_files() == []


def test_several_are_made_beside_each_other_and_one_that_cannot_be_is_left(
    on_demand: tuple[Case, bytes], tmp_path: Path
) -> None:
    plain, data = on_demand
    cases = [case.model_copy(update={"on_demand": True}) for case in (plain, cases_of(SPEC + UNJUDGEABLE, tmp_path)[3])]
    assert missing(cases) == cases
    assert [case.id for case in make(cases, 2)] == [plain.id]
    assert missing(cases) == cases[1:]
    assert file_of(cases[0], cached(cases[0])) == data
    with pytest.raises(GenerationError):
        cached(cases[1])
