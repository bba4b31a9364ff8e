# SPDX-License-Identifier: Apache-2.0
"""A real program's ELF file with single fields changed."""

import struct
from pathlib import Path

GOOD = Path("/bin/true").read_bytes()
PT_LOAD, PT_INTERP = 1, 3
# Offsets and formats of the header's fields (elf(5), Elf64_Ehdr).
HEADER = {
    "class": (4, "B"),
    "data": (5, "B"),
    "type": (16, "H"),
    "machine": (18, "H"),
    "entry": (24, "Q"),
    "phoff": (32, "Q"),
    "phentsize": (54, "H"),
    "phnum": (56, "H"),
}
# The same of a program header.
PROGRAM = {"type": (0, "I"), "offset": (8, "Q"), "vaddr": (16, "Q"), "filesz": (32, "Q"), "memsz": (40, "Q"), "align": (48, "Q")}
PROGRAM_SIZE = 56


def header(order="<", **fields):
    """GOOD with these fields of its header."""
    data = bytearray(GOOD)
    for name, value in fields.items():
        at, kind = HEADER[name]
        struct.pack_into(order + kind, data, at, value)
    return bytes(data)


def segment(kind, **fields):
    """GOOD with these fields of its first program header of that type."""
    data = bytearray(GOOD)
    phoff, phnum = struct.unpack_from("<Q", GOOD, 32)[0], struct.unpack_from("<H", GOOD, 56)[0]
    for i in range(phnum):
        at = phoff + i * PROGRAM_SIZE
        if struct.unpack_from("<I", GOOD, at)[0] == kind:
            for name, value in fields.items():
                offset, form = PROGRAM[name]
                struct.pack_into("<" + form, data, at + offset, value)
            return bytes(data)
    raise ValueError(f"no segment of type {kind}")


def interpreter(name):
    """GOOD with another loader; no longer than the real one's."""
    old = b"/lib64/ld-linux-x86-64.so.2"
    assert GOOD.count(old + b"\0") == 1 and len(name) <= len(old)
    return GOOD.replace(old + b"\0", name.encode().ljust(len(old) + 1, b"\0"))
