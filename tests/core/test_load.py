"""Specs: what is read from them, and that whatever is wrong with one is a SpecError with file, line, key and remedy."""

import functools
import re
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance.case.errors import SpecError
from conformance.case.load import CASE_KEYS, load_spec, load_specs
from conformance.case.model import Case
from conformance.case.schema import spec_schema
from conformance.data import default_folders
from conformance.golden.inputs import make_arrays

SHIPPED = sorted(default_folders().specs.rglob("*.yaml"))
CASE = """\
family: fam
cases:
  - name: plain
    T: 4
    B: 2
    I: 3
    H: 5
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Problems show paths relative to the working directory."""
    monkeypatch.chdir(tmp_path)


def written(text: str | bytes, name: str = "s.yaml") -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def with_line(line: str) -> str:
    """CASE with one more key, on line 8."""
    return CASE + f"    {line}\n"


def problems(text: str | bytes) -> list[str]:
    with pytest.raises(SpecError) as caught:
        load_spec(written(text))
    assert str(caught.value).splitlines() == caught.value.problems
    return caught.value.problems


def problem(text: str | bytes) -> str:
    found = problems(text)
    assert len(found) == 1, found
    return found[0]


def cases(text: str) -> dict[str, Case]:
    return {case.id: case for case in load_spec(written(text))}


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
    by_file = [load_spec(file) for file in SHIPPED]
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


DEFAULTS = """\
family: fam
defaults:
  T: 4
  B: 2
  I: 3
  H: 5
  weights: {W: {constant: 1}, R: {constant: 2}}
  tolerance: {noise: 4, ulp: 2}
  x: {uniform: {low: 0, high: 1}}
  activations: {gate: relu, cell: relu}
  head: {O: 2, after: last_step}
cases:
  - name: a
"""


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


# What is refused. Every text below stands on line 8.


REFUSED = {
    # misspelt
    "direktion: reverse": "direktion: unknown key; did you mean 'direction'? allowed: name, vary, description,",
    "id: fam/mine": "id: unknown key; allowed: name, vary,",
    "weights: {Wr: {constant: 1}}": "weights.Wr: unknown key; did you mean 'W'? allowed: W, R, b_w,",
    "weights: {W: {constent: 1, ramp: {first: 1}}}": "weights.W.constent: unknown key; did you mean 'constant'?",
    "x: {uniform: {low: 0, hihg: 1, high: 2}}": "x.uniform.hihg: unknown key; did you mean 'high'? allowed: low, high,",
    "tolerance: {noize: 3}": "tolerance.noize: unknown key; did you mean 'noise'? allowed: noise, absolute,",
    "activations: {gat: relu}": "activations.gat: unknown key; did you mean 'gate'? allowed: gate, cell, hidden",
    "activations: {gate: {name: elu, alpha: 1, betta: 1}}": "activations.gate.betta: unknown key; did you mean 'beta'?",
    "vary: {v: {a: {layer: 2}}}": "layer: unknown key; did you mean 'layers'? allowed: description,",
    "vary: {dtypes: [float32]}": "dtypes: unknown key; did you mean 'dtype'?",
    "vary: {v: {a: {id: fam/mine}}}": "id: unknown key",
    "vary: {v: {a: {name: mine}}}": "name: unknown key",
    "T: 5": "key 'T' is given here and on line 4; keep one",
    "x: {constant: 1, constant: 2}": "key 'constant' is given here and on line 8; keep one",
    # values that are none of those allowed
    "dtype: float8": "dtype: Input should be 'float16', 'bfloat16', 'float32' or 'float64' (got 'float8')",
    "direction: backward": "direction: Input should be 'forward', 'reverse' or 'bidirectional' (got 'backward')",
    "activations: {gate: gelu}": "activations.gate: Input should be 'sigmoid', 'tanh', 'relu', 'hard_sigmoid',",
    "weights: {W: {keras: he_normal}}": "weights.W.keras: Input should be 'glorot_uniform', 'orthogonal',",
    # types: text, true and fractions are no whole numbers
    "seed: '5'": "seed: Input should be a valid integer (got '5')",
    "seed: 5.0": "seed: Input should be a valid integer (got 5.0)",
    "layers: true": "layers: Input should be a valid integer",
    "bias: 1": "bias: Input should be a valid boolean (got 1)",
    "forget_bias: '1.5'": "forget_bias: Input should be a valid number (got '1.5')",
    "forget_bias: true": "forget_bias: Input should be a valid number",
    "forget_bias: .nan": "forget_bias: Input should be a finite number (got nan)",
    "forget_bias: 1/0": "forget_bias: '1/0' is not a fraction of two whole numbers",
    "forget_bias: one/two": "forget_bias: 'one/two' is not a fraction of two whole numbers",
    "lengths: [4, true]": "lengths.1: Input should be a valid integer",
    "lengths: 4": "lengths: Input should be a valid tuple (got 4)",
    "x: 3": "x: Input should be a valid dictionary or instance of Source (got 3)",
    "x: null": "x: Input should be a valid dictionary or instance of Source (got None)",
    "description: [a]": "description: Input should be a valid string",
    "activations: relu": "activations: Input should be a valid tuple (got 'relu')",
    "vary: [dtype]": "vary: needs a mapping from a key to its choices",
    "vary: {dtype: float32}": "vary.dtype: needs a list of values, or a mapping label: {keys to set}",
    "vary: {dtype: []}": "vary.dtype: needs a list of values, or a mapping",
    "vary: {states: {both: null}}": "vary.states: needs a list of values, or a mapping",
    # bounds
    "layers: 0": "layers: Input should be greater than or equal to 1 (got 0)",
    "layers: 1000000000": "layers: Input should be less than or equal to 1000",
    "seed: -1": "seed: Input should be greater than or equal to 0 (got -1)",
    "tolerance: {ulp: 0}": "tolerance.ulp: Input should be greater than 0 (got 0)",
    "x: {normal: {deviation: -1}}": "x.normal.deviation: Input should be greater than 0 (got -1)",
    "x: {ramp: {first: 1, divisor: 0}}": "x.ramp.divisor: Input should be greater than or equal to 1",
    "x: {integers: {low: 0, high: 4294967296}}": "x.integers.high: Input should be less than 2147483648",
    # sources
    "x: {}": "x: a source needs exactly one of values, constant, uniform, normal, integers, ramp, torch, keras",
    "x: {constant: 1, ramp: {first: 1}}": "x: a source needs exactly one of values, constant, uniform,",
    "x: {constant: 1, seed: 3}": "x: seed here is only for the random keras initialisers",
    "x: {uniform: {low: 1, high: 1}}": "x.uniform: give either low and high (low < high), or gain alone",
    "x: {uniform: {low: 1}}": "x.uniform: give either low and high",
    "x: {uniform: {gain: 1, low: 0}}": "x.uniform: give either low and high",
    "x: {integers: {low: 3, high: 2}}": "x.integers: low must not be greater than high",
    # activations
    "activations: {gate: elu}": "activations.gate: elu needs alpha: frameworks disagree on its default",
    "activations: {gate: {name: hard_sigmoid, alpha: 0.2}}": "activations.gate: hard_sigmoid needs beta",
    "activations: {cell: {name: tanh, alpha: 1}}": "activations.cell: tanh takes no alpha",
    "activations: {cell: {name: elu, alpha: 1, beta: 1}}": "activations.cell: elu takes no beta",
    "tolerance: {noise: null}": "tolerance: a tolerance needs at least one term: noise, absolute, relative or ulp",
}


@pytest.mark.parametrize("line", REFUSED, ids=lambda line: line[:60])
def test_a_problem_names_its_line_its_key_and_what_is_allowed(line: str) -> None:
    assert problem(with_line(line)).startswith(f"s.yaml:8: {REFUSED[line]}")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("lengths: [4]", "lengths has 1 numbers for B=2 rows"),
        ("lengths: [4, 5]", "lengths must lie between 0 and T=4"),
        ("lengths: [4, -1]", "lengths must lie between 0 and T=4"),
        ("blocks: [3, 2]", "blocks must be positive and add up to T=4"),
        ("blocks: [5, -1]", "blocks must be positive and add up to T=4"),
        ("blocks: [4, 0]", "blocks must be positive and add up to T=4"),
        ("blocks: []", "blocks must be positive and add up to T=4"),
        ("blocks: [2, 2]\n    direction: reverse", "blocks (a stream) needs direction forward"),
        ("blocks: [2, 2]\n    direction: bidirectional\n    lengths: [4, 3]", "blocks (a stream) needs direction"),
        ("head: {O: 1, after: last_step}\n    lengths: [4, 1]", "head after last_step needs direction forward"),
        ("activations: [{}, {}]", "activations: give one set, or one for each of the 1 directions"),
        ("h0: {values: [[1, 2, 3, 4, 5]]}", "h0: values of shape (1, 5) where (1, 2, 5) is needed"),
        ("h0: {values: [[[1, 2, 3, 4, 5], [1, 2, 3, 4]]]}", "h0: values that are ragged or empty where (1, 2, 5)"),
        ("h0: {values: []}", "h0: values that are ragged or empty where (1, 2, 5)"),
        ("h0: {values: [[[1, 2, 3, 4, a]]]}", "h0: values that hold 'a', which is not a number, where (1, 2, 5)"),
        ("h0: {values: [[[1, 2, 3, 4, true]]]}", "h0: values that hold True, which is not a number, where (1, 2, 5)"),
        ("weights: {b_w: {values: [[1]]}}", "b_w: values of shape (1, 1) where (4, 5) is needed"),
        ("x: {torch: randn}", "x: a torch source needs torch_seed"),
        (
            "torch_seed: 1\n    x: {torch: default}",
            "x: torch: default is for weights; rand and randn are for x, h0 and c0",
        ),
        ("torch_seed: 1\n    weights: {W: {torch: default}}", "torch: default draws W, R, b_w and b_r together"),
        (
            "torch_seed: 1\n    head: {O: 2}\n    weights: {b_y: {torch: default}}",
            "torch: default draws W_y and b_y together",
        ),
        (
            "torch_seed: 1\n    head: {O: 2}\n    weights: {W_y: {torch: default}}",
            "torch: default draws W_y and b_y together",
        ),
        ("x: {keras: orthogonal}", "x: keras: initialisers are for weights"),
        (
            "head: {O: 1}\n    weights: {b_y: {keras: unit_forget_bias}}",
            "b_y: keras: unit_forget_bias is for b_w and b_r",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused_at_the_case(line: str, expected: str) -> None:
    assert problem(with_line(line)).startswith(f"s.yaml:3: fam/plain: {expected}")


def test_values_may_have_a_leading_axis_of_rows() -> None:
    both = [[[float(10 * row + gate)] * 5 for gate in range(4)] for row in range(2)]
    (case,) = cases(with_line(f"layers: 2\n    weights: {{b_w: {{values: {both}}}}}")).values()
    assert case.weights.b_w.values == both


def stack(layers: str, W: str) -> str:
    """T 2, B 1, I 2, H 1, and W given by values."""
    return f"family: fam\ncases: [{{name: a, T: 2, B: 1, I: 2, H: 1, {layers}, weights: {{W: {{values: {W}}}}}}}]\n"


FIRST, SECOND = "[[[1, 2]], [[3, 4]], [[5, 6]], [[7, 8]]]", "[[[9]], [[10]], [[11]], [[12]]]"


def test_layers_that_differ_in_input_size_are_given_their_weights_one_by_one() -> None:
    (case,) = load_spec(written(stack("layers: 2", f"[{FIRST}, {SECOND}]")))
    rows = make_arrays(case).weights.rows
    assert rows[0].W.tolist() == [[[1, 2]], [[3, 4]], [[5, 6]], [[7, 8]]]
    assert rows[1].W.tolist() == [[[9]], [[10]], [[11]], [[12]]]


@pytest.mark.parametrize(
    ("layers", "W", "expected"),
    [
        ("layers: 2", FIRST, "4 entries in values where 2 are needed, one for each layer and direction, because"),
        ("layers: 2", f"[{FIRST}, {FIRST}]", "values of layer 1 of shape (4, 1, 2) where (4, 1, 1) is needed"),
        ("layers: 2", f"[{FIRST}, 3]", "values of layer 1 of shape () where (4, 1, 1) is needed"),
        ("layers: 2", f"[{FIRST}, [[[9]], [[10, 11]]]]", "values of layer 1 that are ragged or empty where (4, 1, 1)"),
        ("layers: 3", f"[{FIRST}, {SECOND}]", "2 entries in values where 3 are needed, one for each layer and"),
        (
            "layers: 2, I: 1, direction: bidirectional",
            f"[{SECOND}, {SECOND}, {FIRST}, {SECOND}]",
            "values of layer 1, direction 1 of shape (4, 1, 1) where (4, 1, 2) is needed",
        ),
        (
            "I: 1, direction: bidirectional",
            f"[{SECOND}, {FIRST}]",
            "values that are ragged or empty where (4, 1, 1) is needed, or 2 of that shape, one for each layer and",
        ),
    ],
)
def test_weights_of_another_shape_are_refused_by_their_layer(layers: str, W: str, expected: str) -> None:
    text = stack(layers, W)
    text = text.replace("I: 2, ", "") if "I: 1" in layers else text
    assert problem(text).startswith(f"s.yaml:2: fam/a: W: {expected}")


def test_a_name_that_is_too_long_for_a_file_is_refused() -> None:
    long = "a" * 100
    assert list(cases(CASE.replace("plain", long).replace(": fam", f": {long}"))) == [f"{long}/{long}"]
    for text in (CASE.replace("plain", long + "a"), CASE.replace(": fam", f": {long}a")):
        assert problem(text).startswith("s.yaml:3: id: a family is 1 to 100 of a-z, 0-9 and -, a name with what vary ")
    assert problem(CASE.replace("plain", long) + "    vary: {dtype: [float32]}\n").startswith("s.yaml:3: id: a family")


LONG = 5000 * "k"


@pytest.mark.parametrize(
    "text",
    [
        CASE.replace("plain", LONG),
        CASE.replace("fam", LONG),
        CASE + f"{LONG}: 1\n",
        *(
            with_line(line.replace("LONG", LONG))
            for line in (
                "LONG: 1",
                "dtype: LONG",
                "forget_bias: LONG/3",
                f"forget_bias: 1/{4400 * '9'}",
                f"forget_bias: 1/{4200 * '9'}",
                f"T: {4400 * '9'}",
                f"x: {{constant: {4400 * '9'}.5x}}",
                "x: {LONG: 1}",
                "x: {constant: LONG}",
                "x: {values: [LONG]}",
                "x: !LONG {}",
                "x: *LONG",
                "? [LONG]\n    : 1",
                "poison: {tensor: LONG, at: [0], value: 1}",
                f"poison: {{tensor: x, at: {[0] * 5000}, value: 1}}",
                "head: {O: 1, after: LONG}",
                "activations: {gate: LONG}",
                "vary: {LONG: 3}",
                "vary: {dtype: [LONG]}",
                "vary: {LONG: [1]}",
                "vary: {v: {LONG: {}}}",
                "vary: {v: {a: {LONG: 1}}}",
            )
        ),
        f"{LONG}: [",
    ],
    ids=lambda text: text.replace(LONG, "LONG").splitlines()[-1][:60],
)
def test_no_message_repeats_a_long_text(text: str) -> None:
    for line in problems(text):
        assert len(line) < 1000
        assert not re.search(r"(.)\1{130}", line)


@pytest.mark.parametrize("key", ["T", "B", "I", "H"])
@pytest.mark.parametrize("size", [10**9, 10**18, 2**62])
def test_absurd_sizes_are_refused_at_once(key: str, size: int) -> None:
    old = next(line for line in CASE.splitlines(keepends=True) if line.strip().startswith(f"{key}:"))
    start = time.monotonic()
    found = problem(CASE.replace(old, f"    {key}: {size}\n"))
    assert time.monotonic() - start < 1
    assert found.startswith("s.yaml:3: fam/plain: these sizes need ") and found.endswith(
        "GiB; at most 2 GiB are allowed"
    )


def test_the_memory_bound_lets_large_cases_through() -> None:
    assert cases("family: fam\ncases: [{name: big, T: 1000, B: 64, I: 512, H: 256}]")


@pytest.mark.parametrize("key", ["T", "B", "I", "H"])
def test_a_size_is_needed(key: str) -> None:
    old = next(line for line in CASE.splitlines(keepends=True) if line.strip().startswith(f"{key}:"))
    assert problem(CASE.replace(old, "")) == f"s.yaml:3: {key}: is needed"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "s.yaml:1: the file is empty"),
        ("# only a comment\n", "s.yaml:1: the file is empty"),
        ("family: fam\ncases: [\n", "s.yaml:3: not valid YAML"),
        (with_line("x: [1, 2"), "s.yaml:9: not valid YAML"),
        ("family: fam\n\tcases: []\n", "s.yaml:2: not valid YAML"),
        ("family: a\n---\nfamily: b\n", "s.yaml:2: not valid YAML"),
        ("a\x00b", "s.yaml:1: not valid YAML"),
        (b"family: caf\xe9\n", "s.yaml:1: cannot be read: it is not UTF-8 text (byte 11 is 0xe9)"),
        ("just text", "s.yaml:1: a spec is a mapping with the keys family, description, source, defaults, cases"),
        ("- family: fam", "s.yaml:1: a spec is a mapping with the keys"),
        ("family: fam\n", "s.yaml:1: cases: needs a list of at least one case"),
        ("family: fam\ncases: []\n", "s.yaml:2: cases: needs a list of at least one case"),
        ("family: fam\ncases: {name: a}\n", "s.yaml:2: cases: needs a list of at least one case"),
        ("family: fam\ncases:\n  - a\n", "s.yaml:3: a case is a mapping"),
        ("family: fam\ncases:\n  - T: 1\n", "s.yaml:3: name: every case needs one, as text"),
        ("family: fam\ncases:\n  - name: 5\n", "s.yaml:3: name: every case needs one, as text"),
        (CASE.replace(": fam", ": 5"), "s.yaml:1: family: needs a name"),
        (CASE.replace("family: fam\n", ""), "s.yaml:1: family: needs a name"),
        (CASE.replace(": fam", ": Fam"), "s.yaml:3: id: a family is 1 to 100 of a-z, 0-9 and -, a name with"),
        (CASE.replace("plain", "a/b"), "s.yaml:3: id: a family is 1 to 100 of a-z, 0-9 and -, a name with"),
        (CASE.replace("plain", "../up"), "s.yaml:3: id: a family is 1 to 100 of a-z, 0-9 and -, a name with"),
        (CASE + "default: {}\n", "s.yaml:8: default: unknown key; did you mean 'defaults'? allowed: family,"),
        (CASE + "defaults: []\n", "s.yaml:8: defaults: needs a mapping"),
        (CASE + "defaults:\n", "s.yaml:8: defaults: needs a mapping"),
        (CASE + "defaults: {name: other}\n", "s.yaml:8: name: belongs in a case, not in defaults"),
    ],
)
def test_a_file_that_is_no_spec_is_refused(text: str | bytes, expected: str) -> None:
    assert problem(text).startswith(expected)


def test_a_folder_named_like_a_spec_is_refused() -> None:
    Path("folder.yaml").mkdir()
    with pytest.raises(SpecError, match=r"^folder\.yaml:1: cannot be read: "):
        load_spec(Path("folder.yaml"))


def test_a_folder_without_specs_is_refused() -> None:
    Path("empty").mkdir()
    written(CASE, "empty/spec.txt")
    with pytest.raises(SpecError, match=r"^empty: no spec \(\*\.yaml\) here$"):
        load_specs(Path("empty"))


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


# The JSON Schema says the same.


@functools.cache
def schema_validator() -> Any:
    jsonschema = pytest.importorskip("jsonschema")
    schema = spec_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def schema_errors(text: str) -> list[str]:
    return [error.message for error in schema_validator().iter_errors(yaml.safe_load(text))]


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_the_schema_accepts_every_shipped_spec(file: Path) -> None:
    assert schema_errors(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "line",
    [
        "direktion: reverse",
        "weights: {Wr: {constant: 1}}",
        "x: {uniform: {low: 0, hihg: 1}}",
        "tolerance: {noize: 3}",
        "dtype: float8",
        "layers: 0",
        "activations: {gate: gelu}",
        "activations: [{gate: {name: elu, gamma: 1}}]",
        "bias: maybe",
        "lengths: [a]",
        "forget_bias: one",
        "vary: [dtype]",
        "id: fam/mine",
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(line: str) -> None:
    assert schema_errors(with_line(line))


@pytest.mark.parametrize("text", ["family: fam", "cases: []", CASE + "default: {}\n", CASE + "defaults: {name: a}\n"])
def test_the_schema_knows_the_file_s_outline(text: str) -> None:
    assert schema_errors(text)


# Whatever stands in a file, it gives cases or a SpecError.


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
ANYTHING = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])


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
