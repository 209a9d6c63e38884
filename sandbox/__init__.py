"""Pretend providers for development and tests, with the wire formats of the real ones."""
