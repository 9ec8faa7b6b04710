"""The catalogue of mistakes as a list: ids, explanations, axes and links have the form that readers rely on."""

import re

from conformance.case.dtypes import UNIT_ROUNDOFF
from conformance.lstm.mistakes import BY_ID, CATALOGUE
from conformance.lstm.mistakes.catalogue import AXES

GITHUB = re.compile(r"https://github\.com/[\w.-]+/[\w.-]+/((issues|pull)/\d+|blob/[\w./-]+)")


def test_there_are_many_and_their_ids_are_unique_and_kebab_case() -> None:
    assert len(CATALOGUE) == len(BY_ID) >= 80
    assert [id for id in BY_ID if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", id)] == []


def test_each_explanation_goes_on_from_it() -> None:
    odd = [m.what for m in CATALOGUE if not re.fullmatch(r"[a-z]+s [^\n]*[^.\n]", m.what)]
    assert odd == []
    assert len({m.what for m in CATALOGUE}) == len(CATALOGUE)


def test_every_axis_has_mistakes_of_its_name() -> None:
    assert all(list(axis) for axis in AXES)
    assert [m.axis for axis in AXES for m in axis] == [axis.name for axis in AXES for _ in axis]
    assert len({axis.name for axis in AXES}) == len(AXES)


def test_links_are_whole_addresses_and_many_mistakes_are_real_ones() -> None:
    linked = [m.link for m in CATALOGUE if m.link is not None]
    assert [link for link in linked if not re.fullmatch(r"https://[a-z0-9.-]+\.[a-z]+/\S+[^/.\s]", link)] == []
    assert [link for link in linked if "github.com" in link and not GITHUB.fullmatch(link)] == []
    assert len(linked) > 100


def test_formats_of_precision_are_known() -> None:
    assert {m.precision for m in CATALOGUE} <= {None, *UNIT_ROUNDOFF}
