"""Measurements beside something bare that does the same, printed with their ratio."""
