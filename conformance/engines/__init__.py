"""Adapters of engines that come as an extra each; docs/running.md lists them."""
