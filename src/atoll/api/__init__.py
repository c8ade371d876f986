"""The APIs of Atoll: one folder per dialect, and what all of them need from HTTP."""
