"""What files are called in messages: as the user would write them, never by where a package was installed."""

from pathlib import Path

import pytest

from conformance import data
from conformance.data import displayed


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A checkout, a wheel installed in an environment, and a folder of the user's, all below one."""
    for name in ("checkout/specs", "checkout/docs", "env/site-packages/conformance/_data/specs", "mine/specs"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "checkout" / "pyproject.toml").write_text("")

    def installed(package: str, here: str) -> Path:
        monkeypatch.setattr(data, "_PACKAGE", tmp_path / package / "conformance")
        monkeypatch.setattr(data, "_PACKAGED", tmp_path / package / "conformance" / "_data")
        monkeypatch.chdir(tmp_path / here)
        return tmp_path

    return installed


CHECKOUT, WHEEL = "checkout", "env/site-packages"


@pytest.mark.parametrize(
    ("package", "here", "path", "shown"),
    [
        (CHECKOUT, "checkout", "checkout/specs/holes.yaml", "specs/holes.yaml"),
        (CHECKOUT, "checkout/docs", "checkout/specs/holes.yaml", "specs/holes.yaml"),
        (CHECKOUT, "mine", "checkout/specs/holes.yaml", "specs/holes.yaml"),
        (CHECKOUT, ".", "checkout/specs/holes.yaml", "checkout/specs/holes.yaml"),
        (CHECKOUT, "mine", "mine/specs/own.yaml", "specs/own.yaml"),
        (WHEEL, "mine", "env/site-packages/conformance/_data/specs/holes.yaml", "specs/holes.yaml"),
        (WHEEL, ".", "env/site-packages/conformance/_data/specs/holes.yaml", "specs/holes.yaml"),
        (WHEEL, "env", "env/site-packages/conformance/_data/deviations/torch.yaml", "deviations/torch.yaml"),
        (WHEEL, "mine", "mine/specs/own.yaml", "specs/own.yaml"),
    ],
)
def test_a_file_is_named_as_the_user_would_write_it(places, package, here, path, shown):
    assert displayed(places(package, here) / path) == shown


def test_a_file_elsewhere_is_named_in_full(places):
    root = places(WHEEL, "env")
    assert displayed(root / "mine" / "specs" / "own.yaml") == str(root / "mine" / "specs" / "own.yaml")
