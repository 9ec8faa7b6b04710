"""Where numbers come from: the same bytes everywhere, each source what it says, and nothing that does not fit.

The digests below are recorded results: a change of one means that every stored vector changes too.
"""

import hashlib
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from conformance.case.dtypes import DTypeName
from conformance.case.errors import GenerationError
from conformance.case.model import Case
from conformance.case.tensors import Array, Arrays
from conformance.golden import ball_random
from conformance.golden.inputs import make_arrays
from conformance.golden.random import Stream
from conformance.golden.torch_random import TorchGenerator, linear_parameters, lstm_parameters

HEAD = {"O": 3}
LAYERS_TORCH = {name: {"torch": "default"} for name in ("W", "R", "b_w", "b_r")}
UNIFORM_X = {"uniform": {"low": -8.0, "high": 8.0}}


def case(**fields: Any) -> Case:
    return Case.model_validate({"id": "fam/a", "T": 4, "B": 2, "I": 3, "H": 5} | fields)


def arrays(**fields: Any) -> Arrays:
    return make_arrays(case(**fields))


def tensors(**fields: Any) -> dict[str, Array]:
    return dict(arrays(**fields).flat)


def digest(*parts: Array) -> str:
    little = (np.ascontiguousarray(a).astype(a.dtype.newbyteorder("<")).tobytes() for a in parts)
    return hashlib.sha256(b"".join(little)).hexdigest()


def digest_of(**fields: Any) -> str:
    flat = tensors(**fields)
    return hashlib.sha256("".join(f"{name} {digest(flat[name])}\n" for name in sorted(flat)).encode()).hexdigest()


# The stream of random bits.


def philox(key: int, count: int) -> list[int]:
    """Philox 4x64-10 (Salmon et al., SC 2011, section 4.3) in Python integers, counting from 1."""
    mask, words = 2**64 - 1, []
    for counter in range(1, count // 4 + 2):
        x = [counter, 0, 0, 0]
        k = [key & mask, key >> 64]
        for _ in range(10):
            a, b = 0xD2E7470EE14C6C93 * x[0], 0xCA5A826395121157 * x[2]
            x = [b >> 64 ^ x[1] ^ k[0], b & mask, a >> 64 ^ x[3] ^ k[1], a & mask]
            k = [(k[0] + 0x9E3779B97F4A7C15) & mask, (k[1] + 0xBB67AE8584CAA73B) & mask]
        words += x
    return words[:count]


@pytest.mark.parametrize(("seed", "name"), [(0, "x"), (7, "W.0"), (2**64 - 1, "h0")])
def test_a_stream_is_philox_keyed_by_the_sha256_of_seed_and_name(seed: int, name: str) -> None:
    key = int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:16], "little")
    assert Stream(seed, name).words(10).tolist() == philox(key, 10)


def test_recorded_streams() -> None:
    assert Stream(0, "x").words(3).tolist() == [379414019133773828, 1438538432638237974, 1558497622461282908]
    assert [u.hex() for u in Stream(1, "W.0").unit((2,)).tolist()] == ["0x1.e7843a139f871p-1", "0x1.cbe19a41f5f2ep-1"]
    unit = "6156c11799f067ac41dc53957165f9399ee1370b8dd6d644773333bc35b423ef"
    uniform = "6b87ef11129f22430c3cc6d1373c81b773cfdbd75dbb5f2d26464b1266f5a0c3"
    integers = "80354bc26416a52096024431844598c1518e82e08b05cfab5cee78333b9d364b"
    assert digest(Stream(1, "W.0").unit((1000,))) == unit
    assert digest(Stream(2**40, "h0").uniform(-1.5, 0.25, (10, 10))) == uniform
    assert digest(Stream(-3, "x").integers(-5, 7, (500,))) == integers


def test_unit_numbers_are_the_top_53_bits_of_the_words() -> None:
    words = Stream(3, "x").words(50).tolist()
    assert Stream(3, "x").unit((5, 10)).ravel().tolist() == [math.ldexp(word >> 11, -53) for word in words]


def test_a_stream_goes_on_where_it_stopped() -> None:
    stream = Stream(3, "x")
    parts = [stream.words(count) for count in (1, 6, 3)]
    assert np.concatenate(parts).tolist() == Stream(3, "x").words(10).tolist()


def test_integers_reach_both_ends_about_equally_often() -> None:
    drawn = Stream(9, "x").integers(-2, 3, (6000,))
    values, counts = np.unique(drawn, return_counts=True)
    assert values.tolist() == [-2, -1, 0, 1, 2, 3]
    assert np.all(np.abs(counts - 1000) < 150)  # five standard deviations


def test_uniform_numbers_fill_their_range() -> None:
    drawn = Stream(9, "x").uniform(-1.0, 3.0, (4000,))
    assert drawn.min() >= -1 and drawn.max() <= 3
    counts, _ = np.histogram(drawn, bins=8, range=(-1, 3))
    assert np.all(np.abs(counts - 500) < 110)


# Whole cases.


DIGESTS: dict[str, tuple[dict[str, Any], str]] = {
    "plain-f32": ({}, "6d3c83480797096f9854e9936ce51ad72684fe4f24df5b93a7e7a34a04e02119"),
    "plain-f64": ({"dtype": "float64"}, "d56e5909bb571ab45927bae8888390625bd10f8d43faf34b5ff6b3369f11bbae"),
    "plain-f16": ({"dtype": "float16"}, "2b4004366cb36f7cbc8d7f2b3da2a206418db56cc08d1c716baf5c8296d77e05"),
    "plain-bf16": ({"dtype": "bfloat16"}, "5771ba3210436b8cd3fa9120829381ce8cc5c3f14e9929615f532e7f7db15c8b"),
    "stack-head": (
        {"layers": 2, "direction": "bidirectional", "head": HEAD, "seed": 3},
        "6e38f2b35f76ebf17becadb74d6e1c0b29b644d27bfd910433e2a0a4bbc0f5e9",
    ),
    "lengths": (
        {"lengths": [3, 1], "padding": -7.5},
        "a46b292f02c61e71f6d1ae32ba4151629485e4e653ae9d2ca39e91973815555c",
    ),
    "integers-ramp": (
        {"x": {"integers": {"low": -9, "high": 9}}, "h0": {"ramp": {"first": 1, "divisor": 3}}},
        "13dbbef0b2c2813149332066bbe5512a77ea4d0a7198ee6a6c320d9ede49a23c",
    ),
    "keras": (
        {"weights": {"W": {"keras": "glorot_uniform"}, "b_w": {"keras": "unit_forget_bias"}}},
        "5a04ccfe5a41c3a6f1c7719514b811a0f97a074b7d27bc97d07288d087f00df5",
    ),
}


@pytest.mark.parametrize("name", DIGESTS)
def test_recorded_arrays(name: str) -> None:
    fields, recorded = DIGESTS[name]
    assert digest_of(**fields) == recorded


def test_recorded_ball_random_numbers() -> None:
    pytest.importorskip("flint")
    first = ["-0x1.8ad350f4774d6p-1", "0x1.3d680c2139372p+0"]
    assert [n.hex() for n in ball_random.normal(Stream(4, "x"), (2,)).tolist()] == first
    normal = "a7041d45c6603b791caf6974cd312f854d1c4669f4fcfce33a9c8e8a0b234285"
    wide = "9d0b88f1f87af76e10532527f782c67f89529393e5965a8fbd1fd8e7d88cf83f"
    tall = "cd351ca05fc5e7586d23fe9c7cbd09b5c9f77cb6800a2dcd76bd22cd56238c56"
    assert digest(ball_random.normal(Stream(4, "x"), (5, 7))) == normal
    assert digest(ball_random.orthogonal(Stream(5, "R.0"), 6, 24)) == wide
    assert digest(ball_random.orthogonal(Stream(5, "R.0"), 9, 4)) == tall


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_tensors_have_the_case_s_shapes_and_dtype(dtype: DTypeName) -> None:
    fields = {"layers": 2, "direction": "bidirectional", "head": HEAD, "lengths": [1, 4], "dtype": dtype}
    made, wanted = tensors(**fields), case(**fields)
    shapes = {f"weights.{n}": s for n, s in wanted.weight_shapes.items()}
    shapes |= {f"inputs.{n}": s for n, s in wanted.input_shapes.items()} | {"inputs.lengths": (2,)}
    assert {name: array.shape for name, array in made.items()} == shapes
    assert {a.dtype for n, a in made.items() if n != "inputs.lengths"} == {wanted.np_dtype}
    assert made["inputs.lengths"].dtype == np.int64 and made["inputs.lengths"].tolist() == [1, 4]


def test_absent_tensors_are_not_made() -> None:
    names = {"weights.W.0", "weights.R.0", "inputs.x", "inputs.c0"}
    assert tensors(bias=False, h0=None).keys() == names


@pytest.mark.parametrize(
    "more",
    [
        {"head": HEAD},
        {"layers": 3},
        {"lengths": [4, 4]},
        {"direction": "reverse"},
        {"forget_bias": 1.0},
        {"weights": {"W_y": {"constant": 1}}},
        {"blocks": [1, 3]},
    ],
)
def test_more_in_a_case_changes_no_tensor_that_was_there(more: dict[str, Any]) -> None:
    before, after = tensors(h0=None, c0=None), tensors(h0=None, c0=None, **more)
    assert before.keys() <= after.keys()
    for name, array in before.items():
        assert np.array_equal(array, after[name]), name


@pytest.mark.parametrize("fewer", [{"bias": False}, {"h0": None}, {"c0": None}])
def test_less_in_a_case_changes_no_tensor_that_stays(fewer: dict[str, Any]) -> None:
    before, after = tensors(), tensors(**fewer)
    assert after.keys() < before.keys()
    assert all(np.array_equal(before[name], array) for name, array in after.items())


def test_every_tensor_has_numbers_of_its_own() -> None:
    made = tensors(layers=2, direction="bidirectional", I=5, head=HEAD)
    firsts = [float(array.flat[0]) for name, array in made.items()]
    assert len(set(firsts)) == len(firsts)


def test_the_dtype_only_rounds() -> None:
    exact = tensors(dtype="float64")
    for dtype in ("float32", "float16", "bfloat16"):
        for name, array in tensors(dtype=dtype).items():
            if ".b_" not in name:  # biases lie on a grid that depends on the dtype
                assert np.array_equal(array, exact[name].astype(array.dtype)), (dtype, name)


# Seeds.


def x_of(**fields: Any) -> bytes:
    return arrays(**fields).inputs.x.tobytes()


def test_a_case_s_numbers_come_from_its_id_unless_it_has_a_seed() -> None:
    assert x_of() == x_of()
    assert x_of(id="fam/b") != x_of()
    assert x_of(id="fam/b", seed=1) == x_of(seed=1)
    assert x_of(seed=2) != x_of(seed=1)


@pytest.mark.parametrize(
    "source",
    [
        {"uniform": {"low": 0.0, "high": 1.0}},
        {"uniform": {"gain": 2.0}},
        {"integers": {"low": 0, "high": 10**6}},
        {"normal": {}},
    ],
)
def test_a_source_s_own_seed_wins(source: dict[str, Any]) -> None:
    if "normal" in source:
        pytest.importorskip("flint")
    seeded = {kind: options | {"seed": 7} for kind, options in source.items()}
    assert x_of(x=seeded, seed=1) == x_of(x=seeded, seed=2) == x_of(x=source, seed=7)
    assert x_of(x=source, seed=1) != x_of(x=source, seed=2)


def test_a_keras_source_s_own_seed_wins() -> None:
    def W(seed: int | None, of_case: int) -> bytes:
        weights = {"W": {"keras": "glorot_uniform", "seed": seed}}
        return arrays(weights=weights, seed=of_case).weights.rows[0].W.tobytes()

    assert W(7, 1) == W(7, 2) == W(None, 7) != W(None, 1)


# Each source.


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_the_default_biases_have_an_exact_sum(dtype: DTypeName) -> None:
    row = arrays(H=200, dtype=dtype).weights.rows[0]
    assert row.b_w is not None and row.b_r is not None
    b_w, b_r = row.b_w.astype(np.float64), row.b_r.astype(np.float64)
    assert np.array_equal(row.bias.astype(np.float64), b_w + b_r)
    assert np.array_equal((row.b_w + row.b_r).astype(np.float64), b_w + b_r)
    assert len(np.unique(b_w)) > 80 and np.max(np.abs(b_w)) > 0.9


@pytest.mark.parametrize(("grid", "step"), [(0, 1.0), (2, 0.25), (10, 2.0**-10)])
def test_a_grid_rounds_to_its_multiples(grid: int, step: float) -> None:
    fine = arrays(x=UNIFORM_X, dtype="float64", T=50).inputs.x
    coarse = arrays(x={"uniform": {"low": -8.0, "high": 8.0, "grid": grid}}, dtype="float64", T=50).inputs.x
    assert np.array_equal(coarse / step, np.rint(coarse / step))
    assert np.max(np.abs(coarse - fine)) <= step / 2
    assert np.max(np.abs(coarse - fine)) > step / 4


@pytest.mark.parametrize(("field", "n"), [("W", 50), ("R", 20)])
def test_a_gain_is_divided_by_the_root_of_the_last_axis(field: str, n: int) -> None:
    made = tensors(I=50, H=20, dtype="float64", weights={field: {"uniform": {"gain": 3.0}}})[f"weights.{field}.0"]
    limit = 3 / math.sqrt(n)
    assert 0.99 * limit < made.max() <= limit and -limit <= made.min() < -0.99 * limit


def test_a_range_need_not_be_about_zero() -> None:
    made = arrays(T=200, x={"uniform": {"low": 10.0, "high": 10.5}}).inputs.x
    assert 10 <= made.min() < 10.01
    assert 10.49 < made.max() <= 10.5


def test_whole_numbers_include_both_ends() -> None:
    made = arrays(T=100, x={"integers": {"low": -1, "high": 2}}).inputs.x
    assert set(np.unique(made)) == {-1, 0, 1, 2}


def test_a_ramp_counts_in_row_major_order_and_rounds_once() -> None:
    made = arrays(dtype="float64", x={"ramp": {"first": -4, "divisor": 7}}).inputs.x
    assert made.ravel().tolist() == [float(Fraction(n, 7)) for n in range(-4, 20)]
    rounded = arrays(dtype="float16", x={"ramp": {"first": -4, "divisor": 7}}).inputs.x
    assert rounded.ravel().tolist() == [float(np.float16(n / 7)) for n in range(-4, 20)]


def test_a_constant_fills_a_tensor() -> None:
    made = tensors(h0={"constant": "1/3"}, dtype="float64")
    assert np.unique(made["inputs.h0"]).tolist() == [1 / 3]


def test_values_stand_as_they_are_given() -> None:
    given = [[[0.1, 2, 3], [4, 5, 6]]] * 4
    made = arrays(x={"values": given}).inputs.x
    assert made.dtype == np.float32 and np.array_equal(made, np.array(given, np.float32))


def test_values_are_given_once_for_all_rows_or_one_for_each() -> None:
    one = [[10.0 * gate + unit for unit in range(5)] for gate in range(4)]
    each = [[[100.0 * row + number for number in gate] for gate in one] for row in range(4)]
    shared = arrays(layers=2, direction="bidirectional", weights={"b_w": {"values": one}}).weights.rows
    assert [row.b_w.tolist() for row in shared] == [one] * 4  # type: ignore[union-attr]
    own = arrays(layers=2, direction="bidirectional", weights={"b_w": {"values": each}}).weights.rows
    assert [row.b_w.tolist() for row in own] == each  # type: ignore[union-attr]


def test_normal_numbers_are_box_muller_s() -> None:
    pytest.importorskip("flint")
    stream = Stream(4, "x")
    u, v = stream.unit((600,)), stream.unit((600,))
    drawn = ball_random.normal(Stream(4, "x"), (600,))
    np.testing.assert_allclose(drawn, np.sqrt(-2 * np.log1p(-u)) * np.cos(2 * np.pi * v), rtol=0, atol=2e-15)
    assert abs(drawn.mean()) < 0.2 and abs(drawn.std() - 1) < 0.15


def test_a_normal_source_has_its_mean_and_deviation() -> None:
    pytest.importorskip("flint")
    plain = arrays(T=40, dtype="float64", x={"normal": {}}).inputs.x
    moved = arrays(T=40, dtype="float64", x={"normal": {"mean": 5.0, "deviation": 0.25}}).inputs.x
    assert np.array_equal(moved, 5.0 + 0.25 * plain)


# Keras's initialisers, on the kernels (n, 4H) that Keras has.


@pytest.mark.parametrize(("field", "n", "columns"), [("W", 7, 80), ("R", 20, 80), ("W_y", 20, 3)])
def test_glorot_uniform_has_keras_s_limit(field: str, n: int, columns: int) -> None:
    flat = tensors(I=7, H=20, head=HEAD, dtype="float64", weights={field: {"keras": "glorot_uniform"}})
    made = flat["weights.W_y" if field == "W_y" else f"weights.{field}.0"]
    limit = math.sqrt(6 / (n + columns))
    assert 0.9 * limit < np.max(np.abs(made)) <= limit
    assert made.min() < 0 < made.max()


def test_the_kernel_is_drawn_as_keras_lays_it_out() -> None:
    made = arrays(dtype="float64", seed=1, weights={"W": {"keras": "glorot_uniform"}}).weights.rows[0].W
    kernel = Stream(1, "W.0").uniform(-math.sqrt(6 / 23), math.sqrt(6 / 23), (3, 20))
    assert made.shape == (4, 5, 3)
    assert all(np.array_equal(made[gate], kernel[:, 5 * gate : 5 * gate + 5].T) for gate in range(4))


@pytest.mark.parametrize(("rows", "columns"), [(6, 24), (5, 5), (24, 6), (1, 4), (4, 1)])
def test_orthogonal_is_lapack_s_q_with_a_positive_diagonal_of_r(rows: int, columns: int) -> None:
    pytest.importorskip("flint")
    made = ball_random.orthogonal(Stream(5, "R.0"), rows, columns)
    assert made.shape == (rows, columns)
    gram = made @ made.T if rows < columns else made.T @ made
    assert np.max(np.abs(gram - np.eye(min(rows, columns)))) <= 1e-15
    # As keras.initializers.Orthogonal does it: QR of the tall matrix, signs from R's diagonal, transposed if wide.
    q, r = np.linalg.qr(ball_random.normal(Stream(5, "R.0"), (max(rows, columns), min(rows, columns))))
    q *= np.sign(np.diag(r))
    np.testing.assert_allclose(made, q.T if rows < columns else q, rtol=0, atol=1e-12)


def test_an_orthogonal_recurrent_kernel_has_orthonormal_rows() -> None:
    pytest.importorskip("flint")
    R = arrays(dtype="float64", weights={"R": {"keras": "orthogonal"}}).weights.rows[0].R
    kernel = R.reshape(20, 5).T
    assert np.max(np.abs(kernel @ kernel.T - np.eye(5))) <= 1e-15


def test_unit_forget_bias_is_one_at_the_forget_gate_only() -> None:
    row = arrays(weights={"b_w": {"keras": "unit_forget_bias"}, "b_r": {"keras": "zeros"}}).weights.rows[0]
    assert row.b_w is not None and row.b_r is not None
    assert row.b_w.tolist() == [[0.0] * 5, [1.0] * 5, [0.0] * 5, [0.0] * 5]
    assert not row.b_r.any()


# PyTorch's numbers go where the usual script puts them.


@pytest.mark.parametrize(("dtype", "normal"), [("float32", "randn"), ("float16", "randn"), ("float64", "rand")])
def test_torch_tensors_are_drawn_in_the_order_of_the_usual_script(dtype: DTypeName, normal: str) -> None:
    made = arrays(
        torch_seed=11,
        dtype=dtype,
        layers=2,
        head=HEAD,
        weights=LAYERS_TORCH | {"W_y": {"torch": "default"}, "b_y": {"torch": "default"}},
        x={"torch": normal},
        h0={"torch": "rand"},
        c0={"torch": normal},
    )
    drawn = "float64" if dtype == "float64" else "float32"
    generator = TorchGenerator(11)
    rows = lstm_parameters(generator, 3, 5, 2, False, bias=True, dtype=drawn)
    linear = linear_parameters(generator, 5, 3, dtype=drawn)
    x = getattr(generator, normal)(4, 2, 3, dtype=drawn)
    h0 = generator.rand(2, 2, 5, dtype=drawn)
    c0 = getattr(generator, normal)(2, 2, 5, dtype=drawn)
    target = case(dtype=dtype).np_dtype
    for row, parameters in zip(made.weights.rows, rows, strict=True):
        assert np.array_equal(row.W.reshape(20, -1), parameters["weight_ih"].astype(target))
        assert np.array_equal(row.R.reshape(20, -1), parameters["weight_hh"].astype(target))
        assert row.b_w is not None and np.array_equal(row.b_w.ravel(), parameters["bias_ih"].astype(target))
        assert row.b_r is not None and np.array_equal(row.b_r.ravel(), parameters["bias_hh"].astype(target))
    found = [made.weights.W_y, made.weights.b_y, made.inputs.x, made.inputs.h0, made.inputs.c0]
    for got, want in zip(found, [linear["weight"], linear["bias"], x, h0, c0], strict=True):
        assert got is not None and got.dtype == target and np.array_equal(got, want.astype(target))


def test_torch_numbers_that_differ_from_machine_to_machine_are_refused() -> None:
    with pytest.raises(
        GenerationError, match=r"^fam/a: x: torch: randn: float64 randn is refused: PyTorch takes log, sin"
    ):
        arrays(torch_seed=1, dtype="float64", x={"torch": "randn"})


# Padding, and what does not fit.


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("padding", [1e3, -0.5, math.nan, math.inf])
def test_padding_stands_past_each_row_s_length_only(dtype: DTypeName, padding: float) -> None:
    plain = arrays(dtype=dtype).inputs.x
    padded = arrays(dtype=dtype, lengths=[1, 3], padding=padding).inputs.x
    assert np.array_equal(padded[:1, 0], plain[:1, 0]) and np.array_equal(padded[:3, 1], plain[:3, 1])
    past = np.concatenate([padded[1:, 0], padded[3:, 1]])
    assert np.array_equal(past, np.full((4, 3), padding, dtype), equal_nan=True)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"x": {"constant": 65520.0}}, "x"),
        ({"h0": {"integers": {"low": 70000, "high": 80000}}}, "h0"),
        ({"weights": {"b_r": {"constant": -1e6}}}, "b_r.0"),
        ({"lengths": [1, 4], "padding": 1e5}, "padding"),
    ],
)
def test_a_number_too_large_for_float16_is_refused(fields: dict[str, Any], name: str) -> None:
    with pytest.raises(GenerationError, match=rf"^fam/a: {name} holds numbers too large for float16$"):
        arrays(dtype="float16", **fields)
    arrays(dtype="bfloat16", **fields)


def test_the_largest_float16_is_not_refused() -> None:
    assert np.unique(arrays(dtype="float16", x={"constant": 65519.0}).inputs.x).tolist() == [65504.0]


def test_a_given_infinity_is_no_overflow() -> None:
    assert np.all(np.isinf(arrays(dtype="float16", x={"constant": math.inf}).inputs.x))
