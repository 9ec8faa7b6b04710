"""The Python interface: `import conformance` gives what is in here, when it is first used (docs/python-api.md)."""
