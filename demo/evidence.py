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


MONEY = 7
TILE = 256


def leaves(ask, size):
    """All leaves of a log of `size`, as its machine serves them: C2SP tlog-tiles. ask(path) gives bytes."""
    for first in range(0, size, TILE):
        width = min(TILE, size - first)
        tile = ask(f"/tile/entries/{first // TILE:03d}" + ("" if width == TILE else f".p/{width}"))
        at = 0
        while at < len(tile):
            length = int.from_bytes(tile[at:at + 2], "big")
            yield tile[at + 2:at + 2 + length]
            at += 2 + length


def transactions(ask, size):
    """What the log says was signed for the machine: {transaction hash: number of the first leaf that tells of it}."""
    told = {}
    for seq, leaf in enumerate(leaves(ask, size)):
        if leaf[5] == MONEY:
            told.setdefault("0x" + leaf[136:168].hex(), seq)
    return told
