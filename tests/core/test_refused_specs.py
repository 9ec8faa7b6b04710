"""Whatever is wrong with a spec is a SpecError with file, line, key and remedy."""

import re
import time
from pathlib import Path

import pytest

from conformance.case.errors import SpecError
from conformance.case.load import load_spec, load_specs
from conformance.golden.inputs import make_arrays
from specs import CASE, cases, problem, problems, with_line, written

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")

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
