"""Decides whether an answer is right, and if not, finds out where and why it is wrong."""
