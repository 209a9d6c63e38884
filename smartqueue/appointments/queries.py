"""Reads: querysets and dataclasses, no writes."""
