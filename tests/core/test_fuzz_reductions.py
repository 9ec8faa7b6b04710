"""A reduced case is a case: its arrays fit, and what is left of it computes as it did where nothing else mattered."""

import numpy as np
import pytest
from fuzzing import drawer

from conformance.case.load import load_spec
from conformance.case.model import Case
from conformance.fuzz.questions import with_id
from conformance.fuzz.reductions import PLAIN, checked, one_direction, simplified, sized, used, without
from conformance.fuzz.shrinking import shrunk
from conformance.fuzz.specs import spec, with_values
from conformance.golden.inputs import make_arrays
from conformance.golden.vector import tensors_of
from conformance.lstm.gradients import reference_of

LAYERS = 40


@pytest.fixture(scope="module")
def smalls() -> list:
    draw = drawer()
    return [(each.case, each.arrays) for n in range(LAYERS) for each in draw.layer(n)[1][:2]]


def demand_fitting(small) -> None:
    case, arrays = small
    wanted = {n: t for n, t in tensors_of(case).items() if not n.startswith("golden.")}
    assert {n: (a.dtype, a.shape) for n, a in arrays.flat.items()} == wanted


def test_every_reduction_fits(smalls: list) -> None:
    made = 0
    for small in smalls:
        case = small[0]
        reduced = [without(small, option) for option in used(case)]
        reduced += [sized(small, axis, 1, 0) for axis in "LTBIHPO" if axis != "P" or case.P]
        reduced += [sized(small, axis, 2, 1) for axis in "TBH" if getattr(case, axis) > 2]
        reduced += [one_direction(small, n) for n in range(2) if case.D == 2]
        for each in (each for each in reduced if each is not None):
            demand_fitting(each)
            assert checked(each[0]) is not None
            made += 1
    assert made > 10 * len(smalls) / 2


def test_a_row_that_is_left_computes_what_it_did(smalls: list) -> None:
    tried = 0
    for case, arrays in smalls:
        if case.B < 2 or case.has_loss or case.poison or not np.isfinite(case.padding) or case.dtype != "float64":
            continue
        small = sized((case, arrays), "B", 1, case.B - 1)
        assert small is not None
        whole, part = reference_of(case).run(arrays), reference_of(small[0]).run(small[1])
        assert np.allclose(whole["y"][:, -1:], part["y"], rtol=1e-9, atol=1e-9, equal_nan=True)
        tried += 1
    assert tried > 1


def test_options_are_taken_away_by_names_of_the_case() -> None:
    assert {key for keys in PLAIN.values() for key in keys} <= set(Case.model_fields)


@pytest.mark.slow
def test_a_spec_has_every_number(smalls: list, tmp_path) -> None:
    for n, (case, arrays) in enumerate(smalls[::4]):
        named = with_values(with_id(case, f"case-{n}"), arrays)
        file = tmp_path / f"{n}" / "fuzz.yaml"
        file.parent.mkdir()
        file.write_text(spec(named, "drawn"))
        (read,) = load_spec(file)
        again = make_arrays(read).flat
        assert again.keys() == arrays.flat.keys()
        for name, array in arrays.flat.items():
            assert np.array_equal(again[name], array, equal_nan=array.dtype.kind not in "ib"), (
                f"{name} {case.summary()}"
            )


def test_what_is_wrong_is_made_as_small_as_it_can_be() -> None:
    case = Case.model_validate(
        {"id": "fuzz/whole", "T": 6, "B": 3, "I": 4, "H": 5, "seed": 3, "peephole": True, "layers": 2}
        | {"direction": "bidirectional", "head": {"O": 3}, "lengths": [6, 2, 4]}
    )
    found, arrays = shrunk((case, make_arrays(case)), lambda small: small[0].peephole and small[0].T > 2, 500)
    assert (found.T, found.B, found.I, found.H, found.layers, found.direction) == (3, 1, 1, 1, 1, "forward")
    assert found.peephole and found.head is None and found.lengths is None and not found.bias
    assert all(not array.any() for name, array in arrays.flat.items())


def test_numbers_are_made_simple_as_told() -> None:
    case = Case.model_validate({"id": "fuzz/numbers", "T": 2, "B": 1, "I": 2, "H": 2, "seed": 3})
    _, arrays = simplified((case, make_arrays(case)), {"weights.W.0": 0, "weights.R.0": 1, "inputs.x": 4})
    assert not arrays.weights.rows[0].W.any() and (arrays.weights.rows[0].R == 1).all()
    mantissa, _ = np.frexp(arrays.inputs.x)
    assert set(np.abs(mantissa).reshape(-1).tolist()) <= {0.0, 0.5}
