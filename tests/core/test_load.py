"""Specs: what is read from them, with the lines at which it stands."""

import dataclasses
import time
from pathlib import Path

import pytest

from conformance.case.errors import ConformanceError, SpecError
from conformance.case.load import load_spec, load_specs
from conformance.case.model import Case
from conformance.case.select import select_cases
from conformance.data import default_folders
from specs import CASE, DEFAULTS, cases, problem, problems, with_line, written

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")

# What is read.


def test_a_case_has_id_fields_origin_and_the_spec_s_description() -> None:
    text = "family: fam\ndescription: of the file\nsource: a paper\n" + CASE.removeprefix("family: fam\n")
    (case,) = load_spec(written(text))
    assert (case.id, case.T, case.B, case.I, case.H) == ("fam/plain", 4, 2, 3, 5)
    assert (str(case.origin), case.description, case.source) == ("s.yaml:5", "of the file", "a paper")


def test_a_case_s_own_description_wins() -> None:
    text = "family: fam\ndescription: of the file\ncases: [{name: a, T: 1, B: 1, I: 1, H: 1, description: own}]\n"
    assert load_spec(written(text))[0].description == "own"


def test_every_shipped_spec_loads_with_ids_in_file_and_line_order() -> None:
    loaded = load_specs(default_folders().specs)
    by_file = [load_spec(file) for file in sorted(default_folders().specs.rglob("*.yaml"))]
    assert [case.id for case in loaded] == [case.id for file in by_file for case in file]
    for file in by_file:
        lines = [case.origin.line for case in file if case.origin is not None]
        assert len(lines) == len(file) and lines == sorted(lines)


def test_specs_are_found_in_folders_below() -> None:
    written(CASE, "specs/deep/a.yaml")
    written(CASE.replace(": fam", ": other"), "specs/b.yaml")
    assert {case.id for case in load_specs(Path("specs"))} == {"fam/plain", "other/plain"}


def test_a_fraction_is_the_nearest_float() -> None:
    (case,) = cases(with_line("forget_bias: -1/3")).values()
    assert case.forget_bias == -1 / 3


def test_a_case_with_nan_and_infinity_survives_json() -> None:
    (case,) = cases(with_line("lengths: [4, 1]\n    padding: .nan\n    h0: {constant: -.inf}")).values()
    back = Case.model_validate_json(case.model_dump_json())
    assert back.digest() == case.digest() and back.padding != back.padding
    assert back.h0 is not None and back.h0.constant == float("-inf")


@pytest.mark.parametrize(
    ("line", "changes"),
    [
        ("T: 5", True),
        ("seed: 1", True),
        ("padding: 7", True),
        ("weights: {b_y: {constant: 1}}", True),
        ("description: other words", False),
        ("source: elsewhere", False),
        ("tolerance: {noise: 4}", False),
        ("on_demand: true", False),
    ],
)
def test_the_digest_covers_what_decides_the_numbers_and_nothing_else(line: str, changes: bool) -> None:
    key = line.partition(":")[0]
    base = CASE.replace("    T: 4\n", "") if key == "T" else CASE
    (before,) = cases(CASE).values()
    (after,) = cases(base + f"    {line}\n").values()
    assert (after.digest() != before.digest()) is changes


# defaults


def test_weights_and_tolerance_merge_key_by_key() -> None:
    (case,) = cases(DEFAULTS + "    weights: {R: {ramp: {first: 3}}}\n    tolerance: {noise: 8}\n").values()
    assert case.weights.W.constant == 1
    assert case.weights.R.kind == "ramp" and case.weights.R.constant is None
    assert (case.tolerance.noise, case.tolerance.ulp) == (8, 2)


def test_everything_else_is_replaced_whole() -> None:
    text = DEFAULTS + "    x: {constant: 3}\n    activations: {hidden: relu}\n    head: {O: 7}\n    T: 9\n"
    (case,) = cases(text).values()
    assert case.x.kind == "constant"
    assert str(case.activations[0]) == "sigmoid, tanh, relu"
    assert case.head is not None and (case.head.O, case.head.after) == (7, "every_step")
    assert (case.T, case.B) == (9, 2)


def test_one_case_s_override_leaves_the_next_case_alone() -> None:
    found = cases(DEFAULTS + "    weights: {W: {constant: 5}}\n  - name: b\n")
    assert [case.weights.W.constant for case in found.values()] == [5, 1]


# vary


def test_vary_is_a_cross_product_with_labels_in_order() -> None:
    text = with_line("vary: {direction: [forward, reverse], dtype: [float32, bfloat16], B: [1, 2]}").replace(
        "    B: 2\n", ""
    )
    found = cases(text)
    assert list(found) == [
        f"fam/plain-{direction}-{dtype}-b{rows}"
        for direction in ("forward", "reverse")
        for dtype in ("f32", "bf16")
        for rows in (1, 2)
    ]
    case = found["fam/plain-reverse-bf16-b2"]
    assert (case.direction, case.dtype, case.B) == ("reverse", "bfloat16", 2)


@pytest.mark.parametrize(
    ("vary", "ids"),
    [
        ("{states: {both: {}, h-only: {c0: null}}}", ["both", "h-only"]),
        ("{bias: [true, false]}", ["biastrue", "biasfalse"]),
        ("{forget_bias: [0.5, 1]}", ["forget-bias0.5", "forget-bias1"]),
        ("{dtype: [float16, float64]}", ["f16", "f64"]),
        ("{h0: [null]}", ["none"]),
        ("{T: [7]}", ["t7"]),
    ],
)
def test_labels(vary: str, ids: list[str]) -> None:
    text = with_line(f"vary: {vary}").replace("    T: 4\n", "" if "T:" in vary else "    T: 4\n")
    assert list(cases(text)) == [f"fam/plain-{label}" for label in ids]


def test_a_patch_sets_several_keys_and_a_later_axis_wins_over_an_earlier_one_and_over_the_case() -> None:
    text = with_line("vary: {one: {a: {T: 6, B: 3}}, two: {b: {T: 8}}}")
    (case,) = cases(text).values()
    assert (case.id, case.T, case.B, case.I) == ("fam/plain-a-b", 8, 3, 3)


def test_a_case_s_vary_replaces_that_of_the_defaults() -> None:
    text = DEFAULTS.replace("defaults:\n", "defaults:\n  vary: {dtype: [float16, float64]}\n")
    assert list(cases(text)) == ["fam/a-f16", "fam/a-f64"]
    assert list(cases(text + "    vary: {bias: [false]}\n")) == ["fam/a-biasfalse"]


def test_weights_merge_through_vary() -> None:
    text = with_line("weights: {W: {constant: 1}, R: {constant: 2}}\n    vary: {v: {a: {weights: {R: {constant: 3}}}}}")
    (case,) = cases(text).values()
    assert (case.weights.W.constant, case.weights.R.constant) == (1, 3)


def test_too_many_variations_are_refused_at_once() -> None:
    axes = ", ".join(f"axis{n}: {{a: {{}}, b: {{}}, c: {{}}}}" for n in range(30))
    start = time.monotonic()
    assert problem(with_line(f"vary: {{{axes}}}")) == f"s.yaml:3: vary: {3**30} cases from one entry; at most 1000"
    assert time.monotonic() - start < 2


# Lines and completeness.


def test_lines_in_defaults_in_vary_and_in_the_case() -> None:
    text = """\
family: fam
defaults:
  T: 4
  B: 2
  forget_bias:
    false
cases:
  - name: a
    vary:
      direction:
        - forward
        - sideways
      states:
        one: {seed: 1}
        two:
          seed: -2
    I: 3
    H:
      5
    x:
      uniform:
        low: 0
        high: wide
"""
    assert problems(text) == [
        "s.yaml:5: forget_bias: Input should be a valid number",
        "s.yaml:23: x.uniform.high: Input should be a valid number (got 'wide')",
        "s.yaml:16: seed: Input should be greater than or equal to 0 (got -2)",
        "s.yaml:12: direction: Input should be 'forward', 'reverse' or 'bidirectional' (got 'sideways')",
    ]


def test_what_ails_every_variation_is_told_once() -> None:
    text = with_line("lengths: [1]\n    vary: {dtype: [float32, float64], direction: [forward, reverse]}")
    assert problem(text) == "s.yaml:3: fam/plain-f32-forward: lengths has 1 numbers for B=2 rows"


def test_a_problem_in_defaults_is_told_once() -> None:
    text = DEFAULTS.replace("  T: 4\n", "  T: 0\n") + "  - name: b\n"
    assert problem(text) == "s.yaml:3: T: Input should be greater than or equal to 1 (got 0)"


def test_a_problem_in_an_override_is_told_at_the_override() -> None:
    assert problem(DEFAULTS + "    T: 0\n").startswith("s.yaml:14: T: Input should be greater")
    text = DEFAULTS + "    weights:\n      b_w: {constant: 0}\n      W: {constant: one}\n"
    assert problem(text) == "s.yaml:16: weights.W.constant: Input should be a valid number (got 'one')"
    text = text.replace("one}", "1}").replace("R: {constant: 2}", "R: {constant: two}")
    assert problem(text) == "s.yaml:7: weights.R.constant: Input should be a valid number (got 'two')"


def test_every_problem_of_every_file_is_told() -> None:
    written(CASE + "    layer: 2\n  - name: b\n    T: 1\n    B: one\n    I: 1\n    H: 0\n", "specs/a.yaml")
    written("family: [\n", "specs/b.yaml")
    written(CASE, "specs/c.yaml")
    written(CASE + "    lengths: [1]\n", "specs/d.yaml")
    with pytest.raises(SpecError) as caught:
        load_specs(Path("specs"))
    starts = ["a.yaml:8: layer:", "a.yaml:11: B:", "a.yaml:13: H:", "b.yaml:2: ", "d.yaml:3: fam/plain: lengths"]
    assert len(caught.value.problems) == len(starts)
    for line, start in zip(caught.value.problems, starts, strict=True):
        assert line.startswith(f"specs/{start}")


def test_the_same_id_twice_in_a_file() -> None:
    again = CASE.split("cases:\n")[1]
    assert problem(CASE + again) == "s.yaml:8: the id fam/plain is already taken by s.yaml:3"


def test_the_same_id_from_a_name_and_from_a_label() -> None:
    text = CASE.replace("plain", "a-f32") + "  - {name: a, T: 1, B: 1, I: 1, H: 1, vary: {dtype: [float32]}}\n"
    assert problem(text) == "s.yaml:8: the id fam/a-f32 is already taken by s.yaml:3"


def test_the_same_id_in_two_files() -> None:
    written(CASE, "specs/a.yaml")
    written("# a comment\n" + CASE, "specs/b.yaml")
    with pytest.raises(SpecError, match=r"^specs/b\.yaml:4: the id fam/plain is already taken by specs/a\.yaml:3$"):
        load_specs(Path("specs"))


def test_the_suites_own_specs_are_read_again_when_a_file_changes(tmp_path, monkeypatch):
    specs = tmp_path / "specs"
    specs.mkdir()
    own = dataclasses.replace(default_folders(), specs=specs)
    monkeypatch.setattr("conformance.case.load.default_folders", lambda: own)
    text = "family: a\ncases:\n  - {name: one, T: 1, B: 1, I: 1, H: 1}\n"
    (specs / "a.yaml").write_text(text)
    first = load_specs(specs)
    assert load_specs(specs)[0] is first[0]
    first.clear()  # a list of its own
    assert [case.id for case in load_specs(specs)] == ["a/one"]
    (specs / "a.yaml").write_text(text + "  - {name: two, T: 1, B: 1, I: 1, H: 1}\n")
    assert [case.id for case in load_specs(specs)] == ["a/one", "a/two"]


@pytest.mark.parametrize(
    ("patterns", "ids"),
    [
        (["a/*"], ["a/one"]),
        (["a?/o*"], ["ab/one"]),
        (["a*/*", "!ab/*"], ["a/one"]),
        (["*e"], ["a/one", "ab/one"]),
        (["[a]/one"], ["a/one"]),
        (["!ab/*"], ["a/one"]),
    ],
)
def test_patterns_choose_the_same_whether_all_of_the_suites_own_specs_are_read_or_only_some(
    tmp_path, monkeypatch, patterns, ids
):
    own = dataclasses.replace(default_folders(), specs=tmp_path / "own")
    for family in ("a", "ab"):
        for folder in ("own", "other"):
            text = f"family: {family}\ncases:\n  - {{name: one, T: 1, B: 1, I: 1, H: 1}}\n"
            written(text, f"{tmp_path}/{folder}/{family}.yaml")
    monkeypatch.setattr("conformance.case.load.default_folders", lambda: own)
    for folder in ("own", "other"):
        assert [case.id for case in select_cases(tmp_path / folder, patterns)] == ids
        with pytest.raises(ConformanceError, match=r"^no case matches 'ac/one'; near it: a"):
            select_cases(tmp_path / folder, ["ac/one"])


def test_a_family_of_the_suites_own_is_read_without_the_others(tmp_path, monkeypatch):
    own = dataclasses.replace(default_folders(), specs=tmp_path / "specs")
    monkeypatch.setattr("conformance.case.load.default_folders", lambda: own)
    written("family: a\ncases:\n  - {name: one, T: 1, B: 1, I: 1, H: 1}\n", f"{tmp_path}/specs/a.yaml")
    written("family: [\n", f"{tmp_path}/specs/b.yaml")
    assert [case.id for case in select_cases(tmp_path / "specs", ["a/*"])] == ["a/one"]
    with pytest.raises(SpecError):
        select_cases(tmp_path / "specs", [])
