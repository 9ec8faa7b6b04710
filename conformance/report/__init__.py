"""Makes reports from results files: a page for a browser, a summary for a CI log, JUnit XML, a badge."""
