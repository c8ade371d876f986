"""Atoll's own APIs, and added ones, as tools for software agents."""
