"""An adapter whose framework is not installed."""

import a_framework_nobody_has  # type: ignore[import-not-found]  # noqa: F401
