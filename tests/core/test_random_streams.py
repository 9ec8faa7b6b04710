"""The stream of random bits and what is drawn from it: Philox, the same words everywhere, spread as they should be."""

import hashlib
import math

import numpy as np
import pytest
from made_arrays import digest

from conformance.golden import ball_random
from conformance.golden.random import Stream


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


def test_normal_numbers_are_box_muller_s() -> None:
    pytest.importorskip("flint")
    stream = Stream(4, "x")
    u, v = stream.unit((600,)), stream.unit((600,))
    drawn = ball_random.normal(Stream(4, "x"), (600,))
    np.testing.assert_allclose(drawn, np.sqrt(-2 * np.log1p(-u)) * np.cos(2 * np.pi * v), rtol=0, atol=2e-15)
    assert abs(drawn.mean()) < 0.2 and abs(drawn.std() - 1) < 0.15


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
