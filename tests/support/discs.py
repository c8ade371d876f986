"""A disc that starts a machine, or does not: small enough to be made for each test."""

import io
from pathlib import Path

import pycdlib

SAYS = "started from the disc"
# For a machine in real mode, loaded at 0x7c00: sends what follows it to the first serial port,
# byte by byte up to a zero, and halts.
LOADED_AT = 0x7C00
PROGRAM = bytes.fromhex("31c08ed8be157cac84c07406baf803eeebf5f4ebfd")


def make_disc(path: Path, *, starts: bool = True) -> Path:
    disc = pycdlib.PyCdlib()
    disc.new(vol_ident="TEST")
    text = b"a file of the disc\n"
    disc.add_fp(io.BytesIO(text), len(text), "/README.TXT;1")
    if starts:
        assert LOADED_AT + len(PROGRAM) == int.from_bytes(PROGRAM[5:7], "little")
        sector = (PROGRAM + SAYS.encode() + b"\r\n\0").ljust(2048, b"\0")
        disc.add_fp(io.BytesIO(sector), len(sector), "/BOOT.BIN;1")
        disc.add_eltorito("/BOOT.BIN;1", boot_load_size=4)
    disc.write(str(path))
    disc.close()
    return path
