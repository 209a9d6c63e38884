"""Rows with no surprises, and a legal history."""
