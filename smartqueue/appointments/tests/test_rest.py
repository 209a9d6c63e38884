"""The wiring: status, shape, one happy answer and the mapped errors."""
