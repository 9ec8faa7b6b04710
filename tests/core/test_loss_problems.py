"""What a spec may not say about softmax, cross-entropy and gradients, and what it is told."""

from pathlib import Path

import pytest

from conformance.case.errors import SpecError
from conformance.case.load import load_spec
from conformance.case.model import Case

CASE = "family: fam\ncases:\n  - name: plain\n    T: 4\n    B: 2\n    I: 3\n    H: 5\n"

REFUSED = {
    "targets: {integers: {low: 0, high: 1}}": "targets are for a head with cross_entropy",
    "head: {O: 1, cross_entropy: true}": "cross_entropy over one class is always 0: O must be at least 2",
    "head: {O: 2, cross_entropy: true}\n    targets: {integers: {low: 0, high: 2}}": "targets must be whole",
    "head: {O: 2, cross_entropy: true}\n    targets: {values: [0, 1]}": "targets: values of shape (2,) where (4, 2)",
    "head: {O: 2, cross_entropy: true, after: last_step}\n    targets: {values: [0, 0.5]}": "targets must be whole",
    "head: {O: 2, cross_entropy: true}\n    targets: {constant: 1}": "targets: the source of classes",
    "head: {O: 2}\n    gradients: whole": "gradients through a head need its cross_entropy",
    "gradients: whole\n    dy: null\n    dh_n: null\n    dc_n: null": "gradients need a loss: give cross_entropy,",
    "gradients: truncated": "gradients: truncated needs blocks, at whose borders the gradients are cut off",
    "gradients: whole\n    calls: [1, 1]": "calls divide the rows;",
    "gradients: whole\n    lengths: [0, 3]": "a loss and its gradients need a valid step in every row",
    "gradients: whole\n    poison: {tensor: x, at: [0, 0, 0], value: .nan}": "poison cannot be combined",
    "head: {O: 2, softmax: true}\n    poison: {tensor: x, at: [0, 0, 0], value: .nan}": "poison cannot be combined",
    "gradients: some": "gradients: Input should be 'whole' or 'truncated'",
}


def read(tmp_path: Path, lines: str) -> Case:
    spec = tmp_path / "s.yaml"
    spec.write_text(f"{CASE}    {lines}\n")
    (case,) = load_spec(spec)
    return case


@pytest.mark.parametrize("lines", REFUSED)
def test_a_problem_says_what_is_wrong(lines: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as raised:
        read(tmp_path, lines)
    assert any(REFUSED[lines] in problem for problem in raised.value.problems), raised.value.problems


def test_the_names_and_shapes_of_what_a_loss_adds(tmp_path: Path) -> None:
    case = read(tmp_path, "head: {O: 3, softmax: true, cross_entropy: true}\n    gradients: whole")
    assert case.targets_shape == (4, 2)
    assert "dy" not in case.input_shapes
    shapes = {"probabilities": (4, 2, 3), "loss": (), "d_x": (4, 2, 3), "d_h0": (1, 2, 5), "d_W.0": (4, 5, 3)}
    assert shapes.items() <= case.outputs.items()
    assert set(case.outputs) >= {f"d_{name}" for name in case.weight_shapes}


def test_gradients_are_those_of_what_is_there(tmp_path: Path) -> None:
    case = read(tmp_path, "gradients: whole\n    h0: null\n    bias: false\n    dh_n: null")
    assert {name for name in case.outputs if name.startswith("d_")} == {"d_x", "d_c0", "d_W.0", "d_R.0"}
    assert [name for name in case.input_shapes if name.startswith("d")] == ["dy", "dc_n"]


def test_what_a_case_does_not_use_does_not_change_its_vector(tmp_path: Path) -> None:
    plain, other = read(tmp_path, "seed: 1"), read(tmp_path, "seed: 1\n    dy: null")
    assert plain.digest() == other.digest()
    used, changed = (read(tmp_path, f"gradients: whole\n    {lines}") for lines in ("seed: 1", "seed: 1\n    dy: null"))
    assert used.digest() != changed.digest() != plain.digest()
