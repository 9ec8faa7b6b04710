"""What is said of a diagnosis, in the message and in the results file."""

from dataclasses import replace

import numpy as np

from conformance.case.model import Case
from conformance.case.outcomes import Difference, Failed, Suspect
from conformance.case.where import Pattern, Where
from conformance.results.result import Result


def a_result(*suspects: Suspect) -> Result:
    case = Case.model_validate({"id": "diagnosis/case", "T": 3, "B": 2, "I": 2, "H": 4})
    failed = Failed(99.0, (Difference("y", "1 of 24 elements differ", 99.0),), "direction forward, step 1, row 0")
    return Result(case, "acme", replace(failed, suspects=suspects), {"acme": "1.0"}, options=("--specs", "my specs"))


def test_the_message_names_the_suspects_between_the_place_and_the_command():
    exact, other = (Suspect((name,), "reproduces", 2.345, "float32") for name in ("first-id", "second-id"))
    pair = Suspect(("one-id", "other-id"), "reproduces", 1.0, "float32")
    format_ = Suspect(("computed-in-bfloat16",), "precision", 0.5, "bfloat16")
    alike = Suspect(("coarse-tanh",), "resembles", 70.0, "float32")
    assert a_result(exact, other, pair, format_, alike).message().splitlines()[2:] == [
        "  first wrong: direction forward, step 1, row 0",
        "  cannot be told apart here: first-id (reproduces it, noise 2.3)",
        "                         or: second-id (reproduces it, noise 2.3)",
        "                         or: one-id with other-id (together they reproduce it, noise 1)",
        "                         or: computed-in-bfloat16 (noise 0.5 in the unit of bfloat16)",
        "                         or: coarse-tanh (an error of its size, with other digits)",
        "  see: conformance mistakes first-id second-id one-id other-id computed-in-bfloat16 coarse-tanh",
        "  again: conformance run --adapter acme --case diagnosis/case --specs 'my specs'",
    ]


def test_one_suspect_is_what_it_looks_like():
    exact = Suspect(("first-id",), "reproduces", 2.345, "float32")
    assert "  looks like: first-id (reproduces it, noise 2.3)" in a_result(exact).message().splitlines()


def test_the_place_is_said_before_any_name():
    exact = Suspect(("first-id",), "reproduces", 2.345, "float32")
    result = a_result(exact)
    where = Where("step", ("y",), {"unit": Pattern("first", 4, 0, 0, 1)})
    lines = replace(result, outcome=replace(result.outcome, where=where)).message().splitlines()
    assert lines[3:5] == ["  where: the first unit of 4", "  looks like: first-id (reproduces it, noise 2.3)"]


def test_more_suspects_than_are_of_use_are_only_named():
    many = [Suspect((f"id-{n}",), "reproduces", 1.0, "float32") for n in range(7)]
    assert "                         or: id-5, id-6" in a_result(*many).message().splitlines()


def test_without_a_suspect_nothing_is_said():
    assert "looks like" not in a_result().message()


def test_the_results_file_has_the_suspects():
    suspects = (
        Suspect(("one", "other"), "reproduces", 2.34567, "float32"),
        Suspect(("x",), "resembles", np.inf, "tf32"),
    )
    assert [s.model_dump() for s in a_result(*suspects).record().suspects] == [
        {"mistakes": ("one", "other"), "how": "reproduces", "noise": 2.346, "precision": "float32"},
        {"mistakes": ("x",), "how": "resembles", "noise": None, "precision": "tf32"},
    ]
