"""Each operation on a real database: what it does, and what it leaves alone when it refuses."""
