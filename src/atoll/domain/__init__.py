"""Nouns and rules. Pure: no await, no I/O, no clock, no randomness.

Times are milliseconds since the Unix epoch, UTC (`…_ms`); ids and times come in as arguments.
Values are frozen `msgspec.Struct`s: a change is a new value (`msgspec.structs.replace`).
"""
