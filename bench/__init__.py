"""Our figures beside the floor's and a peer's, in one run: `python -m bench`."""
