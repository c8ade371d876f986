"""Guests as records: the same verbs and faults, no hypervisor."""
