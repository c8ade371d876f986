"""Guests as processes of QEMU, one each, on this machine."""
