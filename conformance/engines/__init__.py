"""Adapters of engines that come as an extra each: one module for each engine."""
