"""Runs cases with adapters and produces results: the one path that the command line and the pytest plugin share."""
