"""Work outside a request: load by id, one call, a retry policy."""
