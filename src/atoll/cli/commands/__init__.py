"""What users type after `atoll`: one file a noun. `command_list.py` names them all."""
