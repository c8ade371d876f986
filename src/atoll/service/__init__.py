"""Use cases: check rights and values, write, wake the engine."""
