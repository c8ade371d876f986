"""Vultr's API v2, as its clients use it: `docs/dialects/vultr.md`."""
