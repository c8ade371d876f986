"""Use cases: may they, is it valid, write it down, wake the engine."""
