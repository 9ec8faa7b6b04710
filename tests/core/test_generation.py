"""Generation of vectors, and the check of what was generated."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stores import SPEC, UNJUDGEABLE, cases_of, checked, contents, edit_manifest, flip, made, snapshot

from conformance.case.errors import GenerationError
from conformance.case.model import Case
from conformance.case.tensors import Array, Arrays
from conformance.golden.build import build
from conformance.golden.generate import Summary, check, generate
from conformance.golden.metadata import file_of
from conformance.golden.store import MANIFEST, VectorStore
from conformance.golden.vector import Vector


def rewrite(root: Path, case: Case, change: Callable[[dict[str, Array]], Any], kind: str) -> None:
    """Change a stored vector's golden values or kappa, and the manifest's SHA-256 to match."""
    path = root / f"{case.id}.safetensors"
    vector = Vector.from_bytes(path.read_bytes())
    parts = {"golden": vector.golden, "kappa": vector.kappa, "flat": dict(vector.arrays.flat)}
    parts[kind] = {name: array.copy() for name, array in parts[kind].items()}
    change(parts[kind])
    changed = Vector(Arrays.from_tensors(parts["flat"]), parts["golden"], parts["kappa"])
    data = file_of(case, changed)
    path.write_bytes(data)
    edit_manifest(root, case.id, sha256=hashlib.sha256(data).hexdigest())


def test_generate_then_check_finds_the_same_bytes_and_writes_nothing(stored: tuple[Path, list[Case]]) -> None:
    root, cases = stored
    before = snapshot(root)
    assert checked(cases, root) == []
    assert snapshot(root) == before


def test_two_processes_give_the_same_store_as_one(stored: tuple[Path, list[Case]], tmp_path: Path) -> None:
    root, cases = stored
    assert made(cases, tmp_path / "again", jobs=2).problems == []
    assert contents(tmp_path / "again") == contents(root)


def test_the_order_in_which_vectors_are_saved_does_not_change_the_manifest(
    stored: tuple[Path, list[Case]], tmp_path: Path
) -> None:
    root, cases = stored
    for order in (cases, cases[::-1]):
        store = VectorStore(tmp_path / f"from-{order[0].id.replace('/', '-')}")
        for case in order:
            store.save(case, (root / f"{case.id}.safetensors").read_bytes(), 128)
        store.write_manifest()
        assert contents(store.root) == contents(root)


def ulp_up(tensors: dict[str, Array]) -> None:
    tensors["y"].flat[0] = np.nextafter(tensors["y"].flat[0], np.inf)


def scaled(factor: float) -> Callable[[dict[str, Array]], Any]:
    def scale(tensors: dict[str, Array]) -> None:
        tensors["h_n"] *= factor

    return scale


def weight_up(tensors: dict[str, Array]) -> None:
    tensors["weights.R.0"].flat[3] += 1


@pytest.mark.parametrize(
    ("change", "kind", "said"),
    [
        (ulp_up, "golden", "fam/plain: golden y differs"),
        (weight_up, "flat", "fam/plain: weights.R.0 differs"),
        (scaled(4.0), "kappa", "fam/plain: kappa h_n differs by 2 steps"),
        (scaled(0.5), "kappa", None),
    ],
)
def test_check_notices_a_change_even_with_the_manifest_made_to_match(
    stored: tuple[Path, list[Case]], change: Callable[[dict[str, Array]], Any], kind: str, said: str | None
) -> None:
    root, (plain, half) = stored
    rewrite(root, plain, change, kind)
    VectorStore(root).load(plain)  # by its SHA-256 alone the vector is fine
    assert checked([plain, half], root) == ([] if said is None else [said])


def test_check_notices_other_bits_a_damaged_file_and_a_vector_nobody_asks_for(stored: tuple[Path, list[Case]]) -> None:
    root, (plain, half) = stored
    edit_manifest(root, "fam/plain", bits=4096)
    assert checked([plain, half], root) == ["fam/plain: the manifest says 4096 bits, but the proof took 128"]
    flip(root / "fam/plain.safetensors", -1)
    assert checked([plain], root, whole=False)[0].startswith("fam/plain: ")
    stale, altered = checked([plain], root)
    assert stale == "fam/half: stored, but no spec asks for it"
    assert "altered: SHA-256" in altered
    assert len(checked([plain], root, whole=False)) == 1


def test_of_the_vectors_that_are_not_made_again_the_digests_are_compared(stored: tuple[Path, list[Case]]) -> None:
    root, (plain, half) = stored

    def every_other() -> Summary:
        return check([plain, half], VectorStore(root), whole=True, every=2, jobs=1, report=lambda case, built: None)

    summary = every_other()
    assert (summary.made, summary.same_bytes, summary.digests, summary.problems) == (1, 1, 1, [])
    assert summary.lint.keys() == {"fam/plain", "fam/half"}
    rewrite(root, half, scaled(4.0), "kappa")
    assert every_other().problems == []  # the manifest was made to match
    flip(root / "fam/half.safetensors", -1)
    (altered,) = every_other().problems
    assert altered.startswith("fam/half: ")
    assert "altered: SHA-256" in altered


def test_prune_removes_stale_vectors_and_only_those(stored: tuple[Path, list[Case]]) -> None:
    root, (plain, half) = stored
    assert made([plain], root, prune=False).problems == []
    assert VectorStore(root).load(half)
    assert made([plain], root, prune=True).problems == []
    assert set(contents(root)) == {MANIFEST, "fam/plain.safetensors"}
    assert set(VectorStore(root).entries) == {"fam/plain"}


def test_on_demand_cases_are_not_stored_and_their_old_vectors_are_pruned(stored: tuple[Path, list[Case]]) -> None:
    root, (plain, half) = stored
    assert made([plain, half.model_copy(update={"on_demand": True})], root).made == 1
    assert set(contents(root)) == {MANIFEST, "fam/plain.safetensors"}


def test_a_case_that_cannot_be_made_is_a_problem_and_the_others_are_made(
    pristine: tuple[Path, list[Case]], tmp_path: Path
) -> None:
    cases = cases_of(SPEC + UNJUDGEABLE, tmp_path)
    reported: dict[str, bool] = {}
    summary = generate(
        cases,
        VectorStore(tmp_path / "v"),
        prune=True,
        jobs=1,
        report=lambda case, built: reported.update({case.id: built is not None}),
    )
    assert contents(tmp_path / "v") == contents(pristine[0])
    assert summary.made == 2
    assert reported == {c.id: c.id in ("fam/plain", "fam/half") for c in cases}
    chaotic, grows, infinite, large, vanishes = sorted(summary.problems)
    assert chaotic.startswith("fam/chaotic: too ill-conditioned to judge in bfloat16: honest rounding may move ")
    assert infinite.startswith("fam/infinite: h0 holds NaN or infinity")
    assert large == "fam/too-large: h0 holds numbers too large for float16"
    assert grows.startswith("fam/grows: too large to judge in float16: c_n has the element ")
    assert vanishes.startswith("fam/vanishes: too small to judge in float16: the largest element of d_")
    assert vanishes.endswith("and numbers of this size are rounded to multiples of 6e-08")


def test_a_sum_of_many_tiny_terms_is_too_small_to_judge() -> None:
    """Each of the terms is rounded to a multiple of the smallest number, so that honest sums differ by several."""

    def case(largest: float) -> Case:
        tiny = {"uniform": {"low": -largest, "high": largest}}
        keys = {"T": 1, "B": 65, "I": 2, "H": 3, "gradients": "whole", "dy": tiny, "dh_n": tiny, "dc_n": tiny}
        return Case.model_validate({"id": "fam/tiny-gradients"} | keys)

    with pytest.raises(GenerationError, match="too small to judge in float32: the largest element of d_"):
        build(case(1e-38))
    build(case(1e-37))
