"""`Smoke`: runs the checks that an adapter's capabilities call for, in order, with one finding each."""

from __future__ import annotations

import fnmatch
import shlex
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from conformance.adapters import registry
from conformance.adapters.capabilities import Capabilities
from conformance.case.dtypes import NOISE_ALLOWED, UNIT_ROUNDOFF, numpy_dtype
from conformance.case.errors import AdapterUnavailable, ConformanceError
from conformance.case.outcomes import Unsupported
from conformance.results.deviations import Deviation
from conformance.run.places import Place
from conformance.run.process import Worker
from conformance.run.settings import RunSettings
from conformance.run.smoke import conduct, crossed, framing, options, tensors
from conformance.run.smoke.asker import Answer, Asker, NoAnswer
from conformance.run.smoke.declared import Declared, declared
from conformance.run.smoke.finding import Finding, Outcome
from conformance.run.smoke.questions import Check, Question, distance, plain

DIFFER = 2.0
"""In unit roundoffs of the largest number of a tensor: an ignored option leaves the numbers identical, or within this
on a device that adds in any order."""
SAME = 2.0
"""As a multiple of the noise allowed: two correct computations of the same may err in opposite directions."""

_NARROWER = {"float64": "float32", "float32": "bfloat16", "float16": "bfloat16"}


class Smoke:
    """All checks of an adapter; `checks` has their ids, `findings` runs them.

    Args:
        adapter: `[PLACE:]NAME[@DEVICE]`.
        deviations: what its framework is known to get wrong.
        patterns: runs only checks whose id matches one; all if empty.
        settings: the places that the label may name, and the seconds that an answer may take, and the adapter to load,
            and its class before that.

    Raises:
        AdapterUnavailable: it cannot be loaded; raised by the constructor and by `findings`.
        ConformanceError: no check matches a pattern.
    """

    def __init__(
        self,
        adapter: str,
        deviations: list[Deviation] | None = None,
        patterns: tuple[str, ...] = (),
        settings: RunSettings | None = None,
    ) -> None:
        settings = settings or RunSettings()
        place = settings.place_of(adapter)
        self._again_with = settings.again(adapter)
        self.adapter = adapter
        self._deviations = deviations or []
        self._found_versions: dict[str, str] | None = None
        self._asker = Asker(lambda: Worker(adapter, settings), settings.timeout)
        self._settings = settings
        self._declared = self._read(adapter, place)
        every = [] if self._declared.capabilities is None else called_for(self._declared.capabilities)
        framed = framing.CHECKS if self._declared.harness else ()
        ids = [*framed, *_FIRST, *(check.id for check in every)]
        for pattern in patterns:
            # Of an adapter that declares nothing nobody knows all checks; the one that says why fails.
            if self._declared.capabilities is not None and not fnmatch.filter(ids, pattern):
                raise ConformanceError(f"no check matches {pattern!r}; conformance smoke {adapter} -v lists them")
        self._wanted = {i for i in ids if not patterns or any(fnmatch.fnmatchcase(i, p) for p in patterns)}
        self._every = [check for check in every if check.id in self._wanted]
        self.checks = [i for i in ids if i in self._wanted]

    @property
    def told_versions(self) -> dict[str, str]:
        """`versions`, as far as the findings needed them; starts nothing."""
        return self._found_versions or {}

    @property
    def versions(self) -> dict[str, str]:
        """Versions of the packages that compute; the first access starts the worker."""
        if self._found_versions is None:
            self._found_versions = dict(self._asker.worker().info.versions)
        return self._found_versions

    def _read(self, adapter: str, place: Place) -> Declared:
        try:
            return declared(adapter, place, self._settings.load_timeout)
        except AdapterUnavailable as error:
            if not registry.parse(adapter).command:
                raise
            return Declared((str(error),), harness=True)  # the first check says it

    def findings(self) -> Iterator[Finding]:
        """A finding for each of `checks`, in order.

        Checks that depend on a failed one wait; that one is among the findings even if no pattern asked for it.
        """
        stopped = ""
        left = set(self.checks)
        try:
            for finding in self._prerequisites():
                left.discard(finding.check)
                stops = finding.outcome == "failed" and finding.check != "class/imports"
                stopped = f"waits for {finding.check}" if stops else stopped
                if finding.check in self._wanted or (stops and (left or not self.checks)):
                    yield finding
            for each in self._every:
                yield Finding(each.id, each.about, "waits", stopped) if stopped else self._tried(each)
        finally:
            self._asker.close()

    def _prerequisites(self) -> Iterator[Finding]:
        """The findings that everything else depends on; after one that failed, the others wait for it."""
        stopped = ""
        for finding in self._framing():
            if finding.outcome == "failed":
                stopped = f"waits for {finding.check}"
            yield finding
        for name, check in _FIRST.items():
            finding = Finding(name, _ABOUT[name], "waits", stopped) if stopped else check(self)
            if finding.outcome == "failed" and name != "class/imports":
                stopped = f"waits for {name}"
            yield finding

    def _framing(self) -> Iterator[Finding]:
        """The findings about the frames of a harness; after one that failed, the others wait for it."""
        if not self._declared.harness:
            return
        left = dict.fromkeys(framing.CHECKS)
        last = ""
        for last, problem, remedy in framing.problems(self.adapter, self._settings):
            about = framing.about(last)
            del left[last]
            if problem:
                outcome: Outcome = "noted" if last in framing.TOLERATED else "failed"
                yield Finding(last, about, outcome, problem, remedy, self._again(last))
            else:
                yield Finding(last, about, "passed")
        for name in left:
            yield Finding(name, framing.about(name), "waits", f"waits for {last}")

    def _first(self, name: str, problem: str, remedy: str) -> Finding:
        if not problem:
            return Finding(name, _ABOUT[name], "passed")
        return Finding(name, _ABOUT[name], "failed", problem, remedy, self._again(name))

    def _check_words(self) -> Finding:
        return self._first("class/words", "\n".join(self._declared.faults), "correct the class attributes")

    def _check_versions(self) -> Finding:
        versions = self.versions
        right = versions and all(isinstance(text, str) and text for pair in versions.items() for text in pair)
        problem = "" if right else f"versions is {versions!r}; known deviations and results files depend on it"
        return self._first("class/versions", problem, "return {package: version} of what computes, decisive one first")

    def _check_imports(self) -> Finding:
        found = self._declared.frameworks(self.versions)
        problem = f"loading the class imports {' and '.join(found)}" if found else ""
        return self._first("class/imports", problem, "import the framework in __init__, not at the top of the module")

    def _check_plain(self) -> Finding:
        assert self._declared.capabilities is not None
        problem = ""
        try:
            self._asker.ask(Question(plain(self._declared.capabilities)))
        except NoAnswer as error:
            problem = str(error)
        return self._first(
            "class/plain-case", problem, "start with `prepare` and the model; docs/adapters.md#the-contract"
        )

    def _tried(self, check: Check) -> Finding:
        try:
            problem = problem_of(check, self._asker)
        except NoAnswer as error:
            if error.outcome is not Unsupported:
                finding = self._wrong(check, str(error))
            else:
                remedy = _REFUSED + self._or_undeclared(check)
                finding = Finding(check.id, check.about, "refused", str(error), remedy, self._again(check.id))
        else:
            finding = self._wrong(check, problem) if problem else Finding(check.id, check.about, "passed")
        return self._tried_apart(check, finding) if check.parts and finding.outcome != "passed" else finding

    def _tried_apart(self, check: Check, together: Finding) -> Finding:
        """The finding of a check of several options at once: that of the options which fail alone."""
        alone = [self._tried(part) for part in check.parts]
        failed = [finding for finding in alone if finding.outcome == "failed"]
        if failed:
            return replace(failed[0], text="\n".join(finding.text for finding in failed))
        if together.outcome == "refused" and any(finding.outcome == "passed" for finding in alone):
            return Finding(check.id, check.about, "passed")  # what is refused alone has a check of its own that says so
        return next((finding for finding in alone if finding.outcome == "known"), together)

    def _wrong(self, check: Check, problem: str) -> Finding:
        for deviation in self._deviations:
            if set(deviation.mistake) & set(check.mistakes) and deviation.holds_for(self.versions):
                text = f"known deviation: {deviation.reason} ({deviation.where})"
                return Finding(check.id, check.about, "known", text)
        remedy = check.remedy + self._or_undeclared(check)
        return Finding(check.id, check.about, "failed", problem, remedy, self._again(check.id))

    def _or_undeclared(self, check: Check) -> str:
        """What a harness that has not the option must say, where it has it by default."""
        if not self._declared.harness:
            return ""
        return "".join(
            f"; without it: {_WITHOUT[part]} in capabilities" for part in check.id.split("/") if part in _WITHOUT
        )

    def _again(self, name: str) -> str:
        return shlex.join(("conformance", "smoke", self.adapter, "--check", name, *self._again_with))


_FIRST: dict[str, Callable[[Smoke], Finding]] = {
    "class/words": Smoke._check_words,
    "class/versions": Smoke._check_versions,
    "class/imports": Smoke._check_imports,
    "class/plain-case": Smoke._check_plain,
}
_ABOUT = {
    "class/words": "name, devices and capabilities",
    "class/versions": "the versions of what computes",
    "class/imports": "no framework imported with the class",
    "class/plain-case": "an answer of the right form to the plainest case",
}
_WITHOUT = {"blocks": '"blocks": false', "layers": '"max_layers": 1'}
_WITHOUT |= dict.fromkeys(("head", "W_y", "b_y"), '"head": false')
"""What leaves out an option that is declared by default, by a part of the ids of its checks."""
_REFUSED = "remove it from the capabilities, unless only this device or version lacks it"


def called_for(capabilities: Capabilities) -> list[Check]:
    """The checks that these capabilities call for."""
    kinds = (tensors, options, conduct, crossed)
    return [check for kind in kinds for check in kind.checks(capabilities) if check.put_by(capabilities)]


def problem_of(check: Check, asker: Asker) -> str:
    """What is wrong with the answers to a check's questions; "" if they are as expected.

    Raises:
        NoAnswer: a question has no answer.
    """
    one = asker.ask(check.one)
    return _digits(one) if check.other is None else _compared(check, one, asker.ask(check.other))


def _compared(check: Check, one: Answer, other: Answer) -> str:
    """What is wrong with two answers compared; "" if they are as expected."""
    assert check.other is not None
    differ = check.expect == "differ"
    # States cancel, so they are measured against 1; gradients are small everywhere.
    apart = distance(
        check.one.seen(one.outputs), check.other.seen(other.outputs), check.names, least=0.0 if differ else 1.0
    )
    coarser = max(one.precision, other.precision, key=UNIT_ROUNDOFF.__getitem__)
    bound = (DIFFER if differ else SAME * NOISE_ALLOWED[coarser]) * UNIT_ROUNDOFF[coarser]
    changed = {name: far for name, far in apart.items() if far > bound}
    if differ:
        says = check.blame or f"the adapter, or what it wraps, ignores {check.about}"
        return "" if changed else f"{says}: {_listed(apart)} stay the same"
    says = check.blame or f"{check.about} must change no number"
    return f"{says}, but {_listed(changed)} differ, by up to {max(changed.values()):.2g}" if changed else ""


def _digits(answer: Answer) -> str:
    """Numbers that all fit a narrower format were computed in it; a fault unless the adapter declares that."""
    dtype = str(answer.outputs["y"].dtype)
    narrower = _NARROWER.get(dtype)
    if narrower is None or answer.precision != dtype:
        return ""
    numbers = np.concatenate([answer.outputs[name].ravel() for name in ("y", "h_n", "c_n")])
    if not np.array_equal(numbers, numbers.astype(numpy_dtype(narrower)).astype(numbers.dtype)):
        return ""
    return f"every number of the answer fits into {narrower}: it is not computed in {dtype}"


def _listed(names: dict[str, float]) -> str:
    *rest, last = names
    return f"{', '.join(rest)} and {last}" if rest else last
