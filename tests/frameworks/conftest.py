"""Every test here needs a mark for its framework: without one it would run in no environment of tox.ini."""

import pytest
from agreement import MARKS


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    unmarked = [item.nodeid for item in items if "frameworks" in item.path.parts and not _needs(item)]
    if unmarked:
        raise pytest.UsageError(f"{unmarked[0]} has none of the marks {', '.join(MARKS)}")


def _needs(item: pytest.Item) -> set[str]:
    return {mark.name for mark in item.iter_markers()} & set(MARKS)
