"""Whatever stands in a file, it gives cases or a SpecError."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance.case.errors import SpecError
from conformance.case.load import CASE_KEYS, load_spec
from conformance.case.model import Case
from specs import DEFAULTS

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")

PARTS = [
    *CASE_KEYS,
    *("W", "R", "b_w", "values", "constant", "uniform", "normal", "integers", "ramp", "torch", "keras", "low", "high"),
    *(
        "gain",
        "grid",
        "first",
        "divisor",
        "gate",
        "cell",
        "hidden",
        "alpha",
        "beta",
        "noise",
        "ulp",
        "bound",
        "reading",
    ),
    *("O", "after", "softmax", "forward", "bidirectional", "float16", "relu", "elu", "hard_sigmoid", "glorot_uniform"),
    *("default", "randn", "every_step", "1/3", "1/0", "forget=1-input", "nnapi", "gates", "time_major", "whole"),
]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 9),
    st.integers(),
    st.floats(),
    st.sampled_from(PARTS),
    st.text(max_size=8),
    st.dates(),
    st.binary(max_size=4),
)
NESTED = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(PARTS), inner, max_size=4),
    max_leaves=12,
)
ANYTHING = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])


def cases_or_spec_error(text: str, folder: Path) -> None:
    file = folder / "s.yaml"
    file.write_text(text, encoding="utf-8", errors="surrogatepass")
    found, said = [], []
    try:
        found = load_spec(file)
    except SpecError as error:
        said = error.problems
    assert bool(found) != bool(said)
    assert all(isinstance(case, Case) for case in found)
    assert all(re.match(rf"{re.escape(str(file))}:\d+: .", line) for line in said)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("arbitrary")


@ANYTHING
@given(fields=st.dictionaries(st.sampled_from(PARTS), NESTED, max_size=5))
def test_arbitrary_fields_of_a_case_give_cases_or_a_spec_error(folder: Path, fields: dict[str, Any]) -> None:
    case = {"name": "a", "T": 4, "B": 2, "I": 3, "H": 5} | fields
    cases_or_spec_error(yaml.safe_dump({"family": "fam", "cases": [case]}), folder)


@ANYTHING
@given(key=st.sampled_from(CASE_KEYS), value=NESTED)
def test_an_arbitrary_value_of_one_key_gives_cases_or_a_spec_error(folder: Path, key: str, value: Any) -> None:
    case = {"name": "a", "T": 4, "B": 2, "I": 3, "H": 5} | {key: value}
    cases_or_spec_error(yaml.safe_dump({"family": "fam", "cases": [case]}), folder)


@ANYTHING
@given(spec=st.dictionaries(st.sampled_from(["family", "defaults", "cases", "source"]), NESTED))
def test_an_arbitrary_spec_gives_cases_or_a_spec_error(folder: Path, spec: dict[str, Any]) -> None:
    cases_or_spec_error(yaml.safe_dump(spec), folder)


@ANYTHING
@given(
    at=st.integers(0, len(DEFAULTS)),
    cut=st.integers(0, 12),
    inserted=st.lists(
        st.sampled_from(
            ["[", "]", "{", "}", ": ", "\n", "- ", "&a ", "*a", "!!", "!!int ", "0x", "'", '"', "? ", "#", "%", "~"]
        )
        | st.text(max_size=3),
        max_size=4,
    ).map("".join),
)
def test_a_spec_with_a_hole_and_a_splinter_gives_cases_or_a_spec_error(
    folder: Path, at: int, cut: int, inserted: str
) -> None:
    cases_or_spec_error(DEFAULTS[:at] + inserted + DEFAULTS[at + cut :], folder)
