"""What Vultr's document of December 2023 says of the families that are served, and its clients.

`operations.json` holds the facts of that document alone: methods, paths, names and types.
"""
