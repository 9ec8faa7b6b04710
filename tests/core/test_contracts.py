"""What the equations leave open: golden values under each contract, and adapters held to the one they declare."""

from typing import Any

import numpy as np
import pytest

from conformance.adapters.numpy_reference import NumpyReference
from conformance.case.dtypes import NOISE_ALLOWED
from conformance.case.model import Case
from conformance.case.outcomes import Failed, Passed
from conformance.case.tensors import Array, Outputs
from conformance.golden.inputs import make_arrays
from conformance.lstm.kappa import kappa
from conformance.lstm.reference import Reference
from conformance.verdict.compare import judge
from conformance.verdict.contracts import Contracts

LAST, EMPTY = Contracts(padded_y="last"), Contracts(empty_rows="zeros")


def a_case(**fields: Any) -> Case:
    sizes = {"T": 5, "B": 1, "I": 2, "H": 1, "dtype": "float64", "seed": 2}
    return Case.model_validate({"id": "test/contracts"} | sizes | fields)


def numbered(case: Case) -> Outputs:
    """y[t] is t + 1 (and 10 times that in the reverse half of two) where a row takes the step, 0 where it does not."""
    y = np.zeros(case.outputs["y"])
    for row in range(case.B):
        for t in case.valid_steps(row):
            y[t, row] = (t + 1) * np.repeat([1, 10][: case.D], case.output_size)
    finals = {name: np.full(case.outputs[name], 7.0) for name in ("h_n", "c_n")}
    return {"y": y} | finals


# The steps of one row, in words: its lengths and holes, the direction, y under `last`.
CARRIED: list[tuple[dict[str, Any], list[float]]] = [
    ({"lengths": [3]}, [1, 2, 3, 3, 3]),
    ({"lengths": [3], "direction": "reverse"}, [1, 2, 3, 0, 0]),  # padding comes first: nothing was computed before
    ({"lengths": [5]}, [1, 2, 3, 4, 5]),
    ({"lengths": [0]}, [0, 0, 0, 0, 0]),
    ({"lengths": [0], "direction": "reverse"}, [0, 0, 0, 0, 0]),
    ({"skip": [[1, 2]]}, [1, 1, 1, 4, 5]),
    ({"skip": [[1, 2]], "direction": "reverse"}, [1, 4, 4, 4, 5]),
    ({"skip": [[0, 3]]}, [0, 2, 3, 3, 5]),
    ({"skip": [[0, 3]], "direction": "reverse"}, [2, 2, 3, 5, 5]),
    ({"skip": [[4]], "direction": "reverse"}, [1, 2, 3, 4, 0]),
    ({"skip": [[0, 2]], "lengths": [4]}, [0, 2, 2, 4, 4]),
    ({"skip": [[0, 2]], "lengths": [4], "direction": "reverse"}, [2, 2, 4, 4, 0]),
]


@pytest.mark.parametrize(("fields", "wanted"), CARRIED, ids=str)
def test_last_repeats_the_y_before_in_the_order_of_the_scan(fields: dict[str, Any], wanted: list[float]) -> None:
    case = a_case(**fields)
    golden = numbered(case)
    got = LAST.applied(case, golden)
    assert got["y"][:, 0, 0].tolist() == wanted
    assert all(np.array_equal(got[name], golden[name]) for name in ("h_n", "c_n"))
    assert np.array_equal(Contracts().applied(case, golden)["y"], numbered(case)["y"])


def test_each_half_of_two_directions_carries_in_its_own_order() -> None:
    case = a_case(lengths=[4], skip=[[0, 2]], direction="bidirectional")
    got = LAST.applied(case, numbered(case))["y"][:, 0]
    assert got[:, 0].tolist() == [0, 2, 2, 4, 4]
    assert got[:, 1].tolist() == [20, 20, 40, 40, 0]


def test_rows_carry_each_for_itself() -> None:
    case = a_case(B=3, lengths=[2, 0, 5], H=2)
    got = LAST.applied(case, numbered(case))["y"]
    assert got[:, :, 0].T.tolist() == [[1, 2, 2, 2, 2], [0, 0, 0, 0, 0], [1, 2, 3, 4, 5]]
    assert np.array_equal(got[..., 0], got[..., 1])


@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_logits_under_last_are_the_dense_layer_of_that_y(direction: str) -> None:
    case = a_case(T=5, B=3, H=4, head={"O": 2}, direction=direction, lengths=[3, 5, 0], skip=[[1], [0, 4], []])
    arrays = make_arrays(case)
    got = LAST.applied(case, Reference(case).run(arrays))
    assert arrays.weights.W_y is not None and arrays.weights.b_y is not None
    wanted = got["y"] @ arrays.weights.W_y.T + arrays.weights.b_y
    np.testing.assert_allclose(got["logits"], wanted, rtol=1e-13)
    assert not np.allclose(wanted, Reference(case).run(arrays)["logits"])


def test_logits_of_two_directions_stay_those_of_zeros() -> None:
    """What a bidirectional layer carries mixes two steps, of which the logits alone do not tell."""
    case = a_case(B=2, H=2, head={"O": 3}, direction="bidirectional", lengths=[3, 5])
    golden = Reference(case).run(make_arrays(case))
    assert np.array_equal(LAST.applied(case, golden)["logits"], golden["logits"])


@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
def test_empty_rows_leave_zeros_or_their_initial_state(direction: str) -> None:
    case = a_case(B=4, H=2, T=2, direction=direction, layers=2, lengths=[0, 2, 1, 2], skip=[[], [0, 1], [], [0]])
    golden = numbered(case)
    got = EMPTY.applied(case, golden)
    for name in ("h_n", "c_n"):  # rows 0 and 1 have no step: the one by its length, the other by its holes
        assert not got[name][:, [0, 1]].any()
        assert np.array_equal(got[name][:, [2, 3]], golden[name][:, [2, 3]])
        assert golden[name].all(), "the golden values themselves stay as they are"
    assert np.array_equal(got["y"], golden["y"])


def test_contracts_say_nothing_of_a_case_without_lengths_and_holes() -> None:
    case = a_case()
    golden = numbered(case)
    assert Contracts("last", "zeros").applied(case, golden) is golden


# An adapter is held to what it declares, and to nothing else.


def answers(case: Case) -> tuple[Outputs, Outputs, Outputs]:
    """The reference's answer under the default contracts, its golden values (its own float64 ones), and kappa."""
    arrays = make_arrays(case)
    golden = Reference(case).run(arrays)
    return NumpyReference().run(case, arrays.weights, arrays.inputs), golden, kappa(case, arrays)


def verdict(case: Case, outputs: Outputs, golden: Outputs, scale: Outputs, contracts: Contracts) -> Passed | Failed:
    return judge(case, outputs, golden, scale, precision="float64", contracts=contracts)


ALL = [Contracts(padded_y, empty_rows) for padded_y in ("zeros", "last") for empty_rows in ("initial", "zeros")]


@pytest.mark.parametrize("declared", ALL, ids=str)
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_an_answer_fits_its_own_contract_only(direction: str, declared: Contracts) -> None:
    skip = [[], [1], [0, 4]]
    case = a_case(T=5, B=3, H=3, direction=direction, lengths=[0, 5, 4], skip=skip, head={"O": 2})
    right, golden, scale = answers(case)
    outputs = declared.applied(case, right)
    assert isinstance(verdict(case, outputs, golden, scale, declared), Passed)
    for other in ALL:
        if other != declared:
            outcome = verdict(case, outputs, golden, scale, other)
            assert isinstance(outcome, Failed)
            wrong = {d.tensor for d in outcome.differences}
            assert ("y" in wrong) is (other.padded_y != declared.padded_y)
            assert ({"h_n", "c_n"} <= wrong) is (other.empty_rows != declared.empty_rows)


@pytest.mark.parametrize("contracts", ALL, ids=str)
@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("y", (2, 0, 1)),
        ("y", (1, 1, 0)),
        ("y", (3, 2, 2)),
        ("logits", (4, 2, 0)),
        ("h_n", (0, 0, 1)),
        ("c_n", (0, 0, 2)),
    ],
)
def test_a_wrong_number_in_padding_in_a_hole_or_in_an_empty_row_fails_under_every_contract(
    name: str, index: tuple[int, ...], contracts: Contracts
) -> None:
    case = a_case(T=5, B=3, H=3, lengths=[0, 5, 3], skip=[[], [1], [0]], head={"O": 2})
    right, golden, scale = answers(case)
    outputs = contracts.applied(case, right)
    outputs = {n: a.copy() for n, a in outputs.items()}
    outputs[name][index] += 0.01
    outcome = verdict(case, outputs, golden, scale, contracts)
    assert isinstance(outcome, Failed) and [d.tensor for d in outcome.differences] == [name]


def test_what_is_carried_is_allowed_the_noise_of_where_it_comes_from() -> None:
    case = a_case(lengths=[2], H=2)
    golden: dict[str, Array] = numbered(case)
    scale = {name: np.zeros(array.shape) for name, array in golden.items()}
    scale["y"][1] = 2.0**20
    outputs = {name: array.copy() for name, array in LAST.applied(case, golden).items()}
    outputs["y"][4, 0, 1] += 2.0**20 * 2.0**-53 * (NOISE_ALLOWED["float64"] - 1)
    assert isinstance(verdict(case, outputs, golden, scale, LAST), Passed)
    outputs["y"][4, 0, 1] += 2.0**20 * 2.0**-53 * 2
    assert isinstance(verdict(case, outputs, golden, scale, LAST), Failed)
