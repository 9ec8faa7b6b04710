"""A zip file in memory, whose members are bounded before any of them is unpacked."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path

from conformance.case.text import shortened
from conformance.weights.held import demand_bounded, refused


class Zip:
    """The members of a zip file.

    Raises:
        FileError: it is damaged, its members are too large together, two have one name, or one is encrypted.
    """

    def __init__(self, path: Path, data: bytes) -> None:
        self.path = path
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
            raise refused(path, f"it is a damaged zip file: {shortened(str(error))}") from error
        self.members = self._archive.infolist()
        self.names = [member.filename for member in self.members]
        if len(set(self.names)) != len(self.names):
            raise refused(path, "two of its members have the same name")
        # What is unpacked is never more than the size that a member states: zipfile stops there.
        demand_bounded(path, (member.file_size for member in self.members))

    def size(self, name: str) -> int:
        """The size of a member when it is unpacked, as the archive states it."""
        return self._archive.getinfo(name).file_size

    def content(self, name: str) -> bytes:
        """A member, unpacked.

        Raises:
            FileError: it is missing, damaged, encrypted, or not of the size that the archive states.
        """
        try:
            found = self._archive.read(name)
        except KeyError:
            raise refused(self.path, f"it has no {name}") from None
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError) as error:
            problem = f"its member {shortened(name)} is damaged: {shortened(str(error))}"
            raise refused(self.path, problem) from error
        if len(found) != self.size(name):
            raise refused(self.path, f"its member {shortened(name)} is not of the size that the archive states")
        return found
