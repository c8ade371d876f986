"""Atoll: a compute cloud that you run yourself."""
