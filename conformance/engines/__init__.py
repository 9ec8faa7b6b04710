"""Engines beyond the first frameworks: one module for the adapters of each, and a table of how they are installed."""
