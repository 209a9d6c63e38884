"""Reactions to events of this app and of those below it; each may run twice."""
