"""The commands of `atoll`, one file per noun. `command_list.py` lists them all."""
