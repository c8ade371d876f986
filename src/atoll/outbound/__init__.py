"""Connections that this host makes for users: allowed addresses, and requests."""
