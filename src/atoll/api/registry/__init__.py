"""The APIs that Atoll serves, and others that were added, as tools for software agents."""
