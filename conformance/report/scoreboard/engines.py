"""The engines of a scoreboard: the results of each of its versions, from any number of files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

from conformance.adapters import registry
from conformance.case.errors import AdapterUnavailable
from conformance.report.columns import Column, slug
from conformance.results.reading import Results
from conformance.results.record import AdapterInfo, Record


@dataclass(frozen=True)
class Engine:
    """An adapter on a device, wherever it ran.

    name: `NAME` or `NAME@DEVICE`. slug: its name in addresses. versions: the results of each version, the newest last.
    """

    name: str
    slug: str
    versions: tuple[Column, ...]

    @property
    def newest(self) -> Column:
        """The results of the newest version."""
        return self.versions[-1]


Versions = tuple[tuple[str, str], ...]


def engines_of(files: Sequence[Results]) -> list[Engine]:
    """The engines in the files, by name.

    Files and places that have the same versions of all packages are one; where two of them have the same case, the
    result of the later file counts.
    """
    found: dict[str, dict[Versions, dict[str, Record]]] = {}
    infos: dict[tuple[str, Versions], AdapterInfo] = {}
    for results in files:
        for record in results.records:
            info = results.header.adapters[record.adapter]
            name, versions = _identity(record.adapter), tuple(info.versions.items())
            infos[name, versions] = info
            found.setdefault(name, {}).setdefault(versions, {})[record.case] = record
    taken: set[str] = set()
    engines = []
    for name, by_version in sorted(found.items()):
        # An address is the name of a file here.
        own = slug(name.replace("/", "-").replace(":", "-"), taken)
        columns = tuple(
            Column(_title(name, versions, by_version), name, infos[name, versions], tuple(records.values()),
                   len(records), own)
            for versions, records in sorted(by_version.items(), key=lambda item: _order(item[0]))
        )  # fmt: skip
        engines.append(Engine(name, own, columns))
    return engines


def _identity(label: str) -> str:
    try:
        return registry.parse(label).identity
    except AdapterUnavailable:  # results may be of a later suite, with other labels
        return label


def _title(name: str, versions: Versions, all_versions: Iterable[Versions]) -> str:
    """The name, and with several versions what tells this one from the others."""
    others = [each for each in all_versions if each != versions]
    if not others:
        return name
    differing = [f"{package} {version}" for package, version in versions
                 if any(dict(other).get(package) != version for other in others)]  # fmt: skip
    return f"{name} ({', '.join(differing) or 'no versions'})"


def _order(versions: Versions) -> list[tuple[str, bool, Version, str]]:
    """A key by which versions of the same packages come in their order; one that is no version comes first."""
    return [(package, *_parsed(version), version) for package, version in versions]


def _parsed(text: str) -> tuple[bool, Version]:
    try:
        return True, Version(text)
    except InvalidVersion:
        return False, Version("0")
