"""The framework that the adapter `unsound` should import when it is made, and not before."""

__version__ = "2.5"
