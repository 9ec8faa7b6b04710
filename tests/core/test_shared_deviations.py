"""`same_as`: the variants of an engine share what is written down of it."""

from pathlib import Path

import pytest

from conformance.case.errors import SpecError
from conformance.results.deviations import find, load_deviations

OWN = "- cases: [lengths/*]\n  reason: its own\n  versions: {engine: '<2'}\n"
SHARED = "- cases: ['*']\n  reason: the engine's\n  versions: {engine: '<2'}\n"
SAME = "- same_as: engine\n"


def folder_with(root: Path, **files: str) -> Path:
    for name, text in files.items():
        (root / f"{name.replace('_', '-')}.yaml").write_text(text)
    return root


def test_all_of_the_other_holds_and_says_where_it_stands(tmp_path):
    folder = folder_with(tmp_path, engine=SHARED, engine_fast=OWN + SAME)
    found = load_deviations(folder, "engine-fast")
    assert [deviation.where for deviation in found] == [f"{folder}/engine-fast.yaml:1", f"{folder}/engine.yaml:1"]
    assert [deviation.reason for deviation in load_deviations(folder, "engine")] == ["the engine's"]


@pytest.mark.parametrize(("text", "reason"), [(OWN + SAME, "its own"), (SAME + OWN, "the engine's")])
def test_the_order_decides_as_among_other_entries(tmp_path, text, reason):
    found = load_deviations(folder_with(tmp_path, engine=SHARED, engine_fast=text), "engine-fast")
    deviation = find(found, "lengths/plain", {"engine": "1"})
    assert deviation is not None and deviation.reason == reason


def test_it_may_lead_on(tmp_path):
    folder = folder_with(tmp_path, engine=SHARED, engine_fast=SAME, engine_faster="- same_as: engine-fast\n")
    assert len(load_deviations(folder, "engine-faster")) == 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("- same_as: engine-fats\n", "engine-fast.yaml:1: same_as: no file engine-fats.yaml beside this one"),
        ("- same_as: [engine]\n", "engine-fast.yaml:1: same_as: names one other adapter, like same_as: torch"),
        ("- same_as: ../engine\n", "engine-fast.yaml:1: same_as: names one other adapter, like same_as: torch"),
        (
            OWN + "- same_as: engine-fast\n",
            "engine-fast.yaml:4: same_as: leads back to itself: engine-fast -> engine-fast",
        ),
        ("- same_as: engine\n  reason: x\n", "engine-fast.yaml:1: same_as: stands alone"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_line(tmp_path, text, problem):
    with pytest.raises(SpecError) as caught:
        load_deviations(folder_with(tmp_path, engine=SHARED, engine_fast=text), "engine-fast")
    assert problem in caught.value.problems[0]


def test_a_circle_of_two_is_told(tmp_path):
    folder = folder_with(tmp_path, engine="- same_as: engine-fast\n", engine_fast=SAME)
    with pytest.raises(SpecError, match=r"engine\.yaml:1: same_as: leads back to itself: engine-fast -> engine -> "):
        load_deviations(folder, "engine-fast")
