"""The errors that users of the suite can see, each with the step that raises it.

read a spec            SpecError          file, line, key, what is allowed
make inputs, goldens   GenerationError    the case, and why no golden value can be made
read a vector          VectorError        missing, truncated, altered, or made from another spec
make an adapter        AdapterUnavailable the framework, device or interpreter that is missing
ask an adapter         UnsupportedOption  an option the framework's own interface does not accept
run an adapter         whatever the framework raises; it becomes the outcome `Errored`
"""

from __future__ import annotations


class ConformanceError(Exception):
    """Base of every error that the suite raises on purpose; its text is shown to the user unchanged."""


class SpecError(ConformanceError):
    """A spec file holds something that is not allowed. problems: one complete line of text each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class GenerationError(ConformanceError):
    """No golden vector can be made for a case; the text says why."""


class VectorError(ConformanceError):
    """A stored vector is missing, unreadable, altered, or does not belong to the case at hand."""


class AdapterUnavailable(ConformanceError):
    """An adapter cannot be made here: unknown name, framework not installed, no such device."""


class UnsupportedOption(ConformanceError):
    """The framework's interface does not accept an option of the case. The text is the reason shown to users."""
