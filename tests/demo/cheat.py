#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What an operator can do to a log that is his (docs/evidence-store.md): the last decision that nobody signed yet becomes another one, and all behind it is
hashed anew. Prints its number; ends with 1 where there is no such decision."""
import hashlib
import pathlib
import struct
import sys

HEAD, DECISION = 56, 1
folder = pathlib.Path(sys.argv[1])
log = (folder / "log").read_bytes()
note = folder / "checkpoint"
signed = int(note.read_text(encoding="utf-8").split("\n")[1]) if note.exists() else 0
records, at = [], 0
while at < len(log):
    length, durable = struct.unpack(">IQ", log[at + 4:at + 16])
    records.append((durable, bytearray(log[at + HEAD:at + HEAD + length])))
    at += HEAD + length
lies = [seq for seq, (_, leaf) in enumerate(records) if seq >= signed and leaf[5] == DECISION and leaf[136] < 2]
if not lies:
    sys.exit(1)
leaf = records[lies[-1]][1]
memory, observation, proposal = struct.unpack(">3I", leaf[192:204])
for first in (212 + memory + observation, 212 + memory + observation + proposal):  # the first value of proposal and of action
    leaf[first + 7] ^= 1
out, prev = b"", bytes(32)
for durable, leaf in records:
    leaf[64:96] = prev
    prev = hashlib.sha256(b"\0" + leaf).digest()
    head = b"DLOG" + struct.pack(">IQ", len(leaf), durable) + prev
    out += head + hashlib.sha256(head).digest()[:8] + leaf
for name in ("index", "state", *(f"tree{i}" for i in range(8))):
    (folder / name).unlink(missing_ok=True)
(folder / "log").write_bytes(out)
print(lies[-1])
