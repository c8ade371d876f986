"""The composition root: what a process is made of, cut by what it needs."""
