"""A known deviation that names a mistake excuses that mistake only."""

from pathlib import Path
from typing import Any

import pytest

from conformance.case.errors import SpecError
from conformance.case.model import Case
from conformance.case.outcomes import Difference, Errored, Failed, Suspect
from conformance.results.deviations import Deviation, load_deviations
from conformance.results.result import Result

ENTRY = """\
- cases: [stack/*]
  reason: runs over the padding
  mistake: lengths-ignored
  versions: {torch: "<3"}
"""


def loaded(folder: Path, text: str) -> list[Deviation]:
    (folder / "torch.yaml").write_text(text)
    return load_deviations(folder, "torch")


def test_an_id_that_is_not_in_the_catalogue_is_refused_with_file_and_line_and_near_ones(tmp_path):
    with pytest.raises(SpecError) as caught:
        loaded(tmp_path, ENTRY.replace("lengths-ignored", "length-ignored"))
    start = f"{tmp_path}/torch.yaml:3: mistake: no mistake 'length-ignored' in the catalogue; near it: lengths-ignored"
    assert caught.value.problems[0].startswith(start)
    with pytest.raises(
        SpecError, match="no mistake 'xyzzy' in the catalogue; they are listed by: conformance mistakes"
    ):
        loaded(tmp_path, ENTRY.replace("lengths-ignored", "[lengths-ignored, xyzzy]"))


@pytest.mark.parametrize("outcome", ["errored", "crashed", "timed out"])
def test_what_gave_no_numbers_is_in_no_catalogue(tmp_path, outcome):
    text = ENTRY.replace("length", f"what-ever\n  outcome: {outcome}\n  link: ")
    assert loaded(tmp_path, text)[0].mistake == ("what-ever",)


def test_one_mistake_or_a_list(tmp_path):
    assert loaded(tmp_path, ENTRY)[0].mistake == ("lengths-ignored",)
    both = loaded(tmp_path, ENTRY.replace("lengths-ignored", "[lengths-ignored, clip-ignored]"))
    assert both[0].mistake == ("lengths-ignored", "clip-ignored")


def exact(*mistakes: str) -> Suspect:
    return Suspect(mistakes, "reproduces", 1.0, "float32")


NARROW = Suspect(("computed-in-float16",), "precision", 1.0, "float16")
ALIKE = Suspect(("coarse-tanh",), "resembles", 90.0, "float32")


def result(mistake: tuple[str, ...], *suspects: Suspect, **changes: Any) -> Result:
    case = Case.model_validate({"id": "stack/deep", "T": 1, "B": 1, "I": 1, "H": 1})
    failed = Failed(
        **{"noise": 99.0, "differences": (Difference("y", "is wrong", 99.0),), "suspects": suspects} | changes
    )
    where = {"versions": {"torch": "<3"}, "where": "deviations/torch.yaml:1"}
    deviation = Deviation(cases=("stack/*",), reason="runs over the padding", mistake=mistake, **where)
    return Result(case, "torch", failed, {"torch": "2.5"}, deviation=deviation)


@pytest.mark.parametrize(
    ("written", "found", "known"),
    [
        ((), (), True),
        ((), (exact("clip-ignored"),), True),
        (("lengths-ignored",), (exact("lengths-ignored"),), True),
        (("lengths-ignored",), (exact("padding-moves-state"), exact("lengths-ignored")), True),
        (("lengths-ignored",), (exact("clip-ignored"),), False),
        (("lengths-ignored",), (), False),
        (("lengths-ignored",), (NARROW,), False),
        (("lengths-ignored",), (exact("lengths-ignored", "clip-ignored"),), False),
        (("lengths-ignored", "clip-ignored"), (exact("clip-ignored", "lengths-ignored"),), True),
        (("lengths-ignored", "clip-ignored"), (exact("lengths-ignored"),), False),
        (("coarse-tanh",), (), True),
        (("coarse-tanh",), (ALIKE,), True),
        (("coarse-sigmoid",), (NARROW, ALIKE), True),
        (("coarse-tanh",), (exact("tanh-after-projection"),), False),
        (("float64-in-float32",), (), True),
        (("float64-in-float32",), (exact("lengths-ignored"),), False),
        (("float64-in-float32", "lengths-ignored"), (), False),
    ],
)
def test_it_excuses_what_is_found_to_be_that_mistake(written, found, known):
    of = result(written, *found)
    assert of.deviates_as_known == known
    assert of.unexpected == (not known)


def test_where_there_are_no_numbers_to_tell_a_mistake_by_the_outcome_decides():
    assert result(("lengths-ignored",), suspects=None).deviates_as_known


def test_the_message_says_which_was_written_down_and_which_was_found():
    message = result(("lengths-ignored",), exact("clip-ignored"), exact("one-id", "other-id")).message()
    assert message.splitlines()[-3:] == [
        "  does not show the known deviation: runs over the padding (deviations/torch.yaml:1)",
        "  written down is lengths-ignored; found is clip-ignored or one-id with other-id",
        "  again: conformance run --adapter torch --case stack/deep",
    ]
    assert "found is none of the catalogue" in result(("lengths-ignored",)).message()
    assert "written down" not in result(("lengths-ignored",), exact("lengths-ignored")).message()


def test_another_outcome_is_told_as_before():
    shown = result(("lengths-ignored",))
    errored = Result(shown.case, "torch", Errored("no"), {"torch": "2.5"}, deviation=shown.deviation)
    assert errored.unexpected
    assert "written down" not in errored.message()
