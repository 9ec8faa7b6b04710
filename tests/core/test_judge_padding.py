"""The judge holds padding to the contract that the adapter declares, and to nothing looser."""

from typing import Any

import numpy as np
import pytest
from judging import a_case, answer, difference, golden_of, judged, kappa_of

from conformance.case.outcomes import Failed, Passed
from conformance.verdict.compare import judge
from conformance.verdict.contracts import Contracts

LENGTHS = [1, 3]


@pytest.mark.parametrize("name", ["y", "logits"])
def test_padding_is_held_to_the_contract_the_adapter_declares(name):
    case = a_case(lengths=LENGTHS, head={"O": 3})
    golden = golden_of(case)
    golden["y"][1:, 0] = 0.0  # the vector's own form: zeros past the length, and what the head makes of zeros
    golden["logits"][1:, 0] = 0.875
    carried = golden[name].copy()
    carried[1:, 0] = golden[name][0, 0]
    other = "logits" if name == "y" else "y"
    both_carried = golden[other].copy()
    both_carried[1:, 0] = golden[other][0, 0]
    zeros = answer(case, golden)
    lasts = answer(case, golden, **{name: carried.astype(np.float32), other: both_carried.astype(np.float32)})

    def verdict(outputs: dict[str, Any], contract: str) -> Passed | Failed:
        contracts = Contracts(padded_y=contract)
        return judge(case, outputs, golden, kappa_of(case), precision="float32", contracts=contracts)

    assert verdict(zeros, "zeros") == Passed(0.0)
    assert verdict(lasts, "last") == Passed(0.0)
    assert "6 of 18" in difference(verdict(lasts, "zeros"), "logits")
    assert "6 of 18" in difference(verdict(zeros, "last"), "logits")
    assert isinstance(verdict(lasts, "zeros"), Failed)
    lasts[name][2, 0, 1] += 0.25
    assert f"1 of {golden[name].size}" in difference(verdict(lasts, "last"), name)


def test_a_carried_value_carries_its_kappa():
    case = a_case(lengths=LENGTHS)
    golden, kappa = golden_of(case), kappa_of(case)
    golden["y"][1:, 0] = 0.0
    kappa["y"][0, 0] = 64.0
    carried = golden["y"].astype(np.float32)
    carried[:, 0] = golden["y"][0, 0]
    carried[2, 0, 0] += 64 * 2.0**-24
    assert isinstance(judged(case, golden=golden, kappa=kappa, padded_y="last", y=carried), Passed)


def test_garbage_in_padding_fails_under_either_contract():
    case = a_case(lengths=LENGTHS)
    golden = golden_of(case)
    golden["y"][1:, 0] = 0.0
    for contract in ("zeros", "last"):
        assert isinstance(judged(case, golden=golden, padded_y=contract, y={(2, 0, 1): 1e3}), Failed)


def test_where_two_directions_carry_y_their_logits_are_not_judged_and_their_y_is():
    case = a_case(direction="bidirectional", lengths=LENGTHS, head={"O": 3})
    golden = golden_of(case)
    width = golden["y"].shape[-1] // 2
    golden["y"][1:, 0] = 0.0
    carried = golden["y"].astype(np.float32)
    carried[1:, 0, :width] = golden["y"][0, 0, :width]  # the reverse scan has no y before the padding
    logits = golden["logits"].astype(np.float32)
    logits[1:, 0] = 0.125

    def verdict(**changes: Any) -> Passed | Failed:
        outputs = answer(case, golden, **({"y": carried, "logits": logits} | changes))
        contracts = Contracts(padded_y="last")
        return judge(case, outputs, golden, kappa_of(case), precision="float32", contracts=contracts)

    assert verdict() == Passed(0.0)
    wrong = logits.copy()
    wrong[0, 0, 1] += 0.25
    assert "1 of 18" in difference(verdict(logits=wrong), "logits")
    assert "6 of 48" in difference(verdict(y=golden["y"].astype(np.float32)), "y")  # 8, two of which are 0 anyway


def test_a_carrying_contract_leaves_final_states_alone_even_where_they_have_as_many_rows_as_steps():
    case = a_case(T=2, direction="bidirectional", lengths=[1, 2])
    golden = golden_of(case)
    golden["y"][1:, 0] = golden["y"][0, 0]
    assert judged(case, golden=golden, padded_y="last") == Passed(0.0)
    assert isinstance(judged(case, golden=golden, padded_y="last", h_n={(1, 0, 0): 0.99}), Failed)
