"""The faces of Atoll: one folder per dialect, and what all of them need of HTTP."""
