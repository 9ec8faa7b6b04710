"""Shared by the tests of fuzzing: adapters with one thing wrong, and a drawer that needs no worker."""

from pathlib import Path

from conformance.adapters.capabilities import Capabilities
from conformance.adapters.numpy_reference import NumpyReference
from conformance.fuzz.drawing import Drawer

FILE = Path(__file__).parent / "broken_adapters" / "lstm_fuzzed.py"


def label(kind: str) -> str:
    """The label of an adapter of the file."""
    return f"{FILE}:{kind}"


def drawer(capabilities: Capabilities = NumpyReference.capabilities, seed: int = 1) -> Drawer:
    return Drawer(capabilities, capabilities.refusal, seed)
