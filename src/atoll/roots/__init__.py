"""The composition root: the parts of a process, by what it needs."""
