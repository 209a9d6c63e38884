"""REST: parse, one operation or query, answer."""
