# SPDX-License-Identifier: Apache-2.0
"""Evidence leaves as an outsider reads and a liar writes them (docs/spec/evidence.md): the format, without any code of dam."""
import hashlib
import struct


def leaf_hash(leaf):
    return hashlib.sha256(b"\0" + leaf).digest()


def decision_leaf(machine, time_ms, mind, charter, epoch, memory, observation, next_memory, proposal, action, reasons, seq=0, prev=bytes(32)):
    """A decision leaf; outcome 0 or 1 by the reasons. machine, mind, charter: "0x..."; proposal, action: integers."""
    raw = lambda text: bytes.fromhex(text[2:])
    pack = lambda values: b"".join(v.to_bytes(8, "big", signed=True) for v in values)
    parts = [memory, observation, pack(proposal), pack(action), reasons]
    head = b"DAML" + bytes([1, 1, 0, 0]) + struct.pack(">QqQ", seq, time_ms, 0) + raw(machine) + prev
    body = raw(mind) + raw(charter) + bytes([1 if any(reasons) else 0, 0, 0, 0]) + struct.pack(">IQQ", epoch, 0, 0)
    body += hashlib.sha256(next_memory).digest() + struct.pack(">5I", *map(len, parts))
    return head + body + b"".join(parts)
