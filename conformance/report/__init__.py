"""Results files made readable: a page for a browser, a summary for a CI log, JUnit, a badge."""
