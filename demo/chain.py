# SPDX-License-Identifier: Apache-2.0
"""A chain as the people of the story see it: JSON-RPC, contract calls by their ABI, receipts, events. Nothing but the standard library."""
import functools
import http.client
import json
import os
import time
import urllib.parse

_MASK = (1 << 64) - 1


def _permutation():
    """Keccak-f[1600] as one function over 25 local names: written out once here, it runs five times faster than over a list."""
    rol = lambda v, n: f"(({v} << {n} | {v} >> {64 - n}) & {_MASK})" if n else v
    names = [f"a{i}" for i in range(25)]
    lines = [f"{', '.join(names)} = a", "for k in constants:"]
    lines += [f" c{x} = a{x} ^ a{x + 5} ^ a{x + 10} ^ a{x + 15} ^ a{x + 20}" for x in range(5)]
    lines += [f" d{x} = c{(x + 4) % 5} ^ {rol(f'c{(x + 1) % 5}', 1)}" for x in range(5)]
    lines += [f" a{i} ^= d{i % 5}" for i in range(25)]
    moves, x, y = [(0, 0, 0)], 1, 0
    for t in range(24):
        moves.append((5 * ((2 * x + 3 * y) % 5) + y, 5 * y + x, (t + 1) * (t + 2) // 2 % 64))
        x, y = y, (2 * x + 3 * y) % 5
    lines += [f" b{to} = {rol(f'a{source}', turn)}" for to, source, turn in moves]
    lines += [f" a{i} = b{i} ^ (b{i // 5 * 5 + (i + 1) % 5} ^ {_MASK}) & b{i // 5 * 5 + (i + 2) % 5}" for i in range(25)]
    lines += [" a0 ^= k", f"return [{', '.join(names)}]"]
    constants, lfsr = [], 1
    for _ in range(24):
        word = 0
        for j in range(7):
            word |= (lfsr & 1) << ((1 << j) - 1)
            lfsr = (lfsr << 1) ^ (0x171 if lfsr & 0x80 else 0)
        constants.append(word)
    scope = {}
    exec("def permute(a, constants):\n " + "\n ".join(lines), scope)  # pylint: disable=exec-used
    return lambda a: scope["permute"](a, constants)


_permute = _permutation()


@functools.lru_cache(maxsize=4096)
def keccak(data):
    """Keccak-256 of bytes."""
    padded = bytearray(data) + b"\x01"
    padded += bytes(-len(padded) % 136)
    padded[-1] |= 0x80
    state = [0] * 25
    for start in range(0, len(padded), 136):
        for i in range(17):
            state[i] ^= int.from_bytes(padded[start + 8 * i:start + 8 * i + 8], "little")
        state = _permute(state)
    return b"".join(w.to_bytes(8, "little") for w in state[:4])


# ---- ABI ------------------------------------------------------------------------------------------------------------


def type_text(item):
    """The canonical type of an ABI item: tuples spelled out."""
    kind = item["type"]
    if kind.startswith("tuple"):
        return "(" + ",".join(map(type_text, item["components"])) + ")" + kind[5:]
    return kind


def _is_dynamic(item):
    kind = item["type"]
    if kind in ("bytes", "string") or kind.endswith("[]"):
        return True
    if kind.endswith("]"):
        return _is_dynamic({**item, "type": kind[:kind.rindex("[")]})
    return kind == "tuple" and any(map(_is_dynamic, item["components"]))


def _number(value):
    return int(value, 0) if isinstance(value, str) else int(value)


def _raw(value):
    return bytes.fromhex(value.removeprefix("0x")) if isinstance(value, str) else bytes(value)


def encode_one(item, value):
    kind = item["type"]
    if kind.endswith("]"):
        inner = {**item, "type": kind[:kind.rindex("[")]}
        body = encode([inner] * len(value), value)
        return len(value).to_bytes(32, "big") + body if kind.endswith("[]") else body
    if kind == "tuple":
        values = [value[c["name"]] for c in item["components"]] if isinstance(value, dict) else value
        return encode(item["components"], values)
    if kind in ("bytes", "string"):
        data = value.encode() if kind == "string" else _raw(value)
        return len(data).to_bytes(32, "big") + data + bytes(-len(data) % 32)
    if kind.startswith("bytes"):
        return _raw(value).ljust(32, b"\0")
    if kind == "address":
        return _raw(value).rjust(32, b"\0")
    return (_number(value) % (1 << 256)).to_bytes(32, "big")


def encode(items, values):
    if len(items) != len(values):
        raise ValueError(f"{len(items)} arguments are declared, {len(values)} given")
    parts = [encode_one(i, v) for i, v in zip(items, values)]
    at = sum(32 if _is_dynamic(i) else len(p) for i, p in zip(items, parts))
    head, tail = b"", b""
    for item, part in zip(items, parts):
        if _is_dynamic(item):
            head += (at + len(tail)).to_bytes(32, "big")
            tail += part
        else:
            head += part
    return head + tail


def decode_one(item, data, at):
    """Returns (value, bytes of head used)."""
    kind = item["type"]
    if _is_dynamic(item):
        start = int.from_bytes(data[at:at + 32], "big")
        return _decode_body(item, data[start:]), 32
    if kind == "tuple" or kind.endswith("]"):
        size = _static_size(item)
        return _decode_body(item, data[at:at + size]), size
    word = data[at:at + 32]
    if kind == "address":
        return "0x" + word[12:].hex(), 32
    if kind == "bool":
        return word[31] != 0, 32
    if kind.startswith("bytes"):
        return "0x" + word[:int(kind[5:])].hex(), 32
    return int.from_bytes(word, "big", signed=kind.startswith("int")), 32


def _static_size(item):
    kind = item["type"]
    if kind.endswith("]"):
        return int(kind[kind.rindex("[") + 1:-1]) * _static_size({**item, "type": kind[:kind.rindex("[")]})
    return sum(map(_static_size, item["components"])) if kind == "tuple" else 32


def _decode_body(item, data):
    kind = item["type"]
    if kind in ("bytes", "string"):
        body = data[32:32 + int.from_bytes(data[:32], "big")]
        return body.decode() if kind == "string" else "0x" + body.hex()
    if kind.endswith("]"):
        inner = {**item, "type": kind[:kind.rindex("[")]}
        if kind.endswith("[]"):
            return decode([inner] * int.from_bytes(data[:32], "big"), data[32:])
        return decode([inner] * int(kind[kind.rindex("[") + 1:-1]), data)
    values = decode(item["components"], data)
    return {c["name"]: v for c, v in zip(item["components"], values)}


def decode(items, data):
    values, at = [], 0
    for item in items:
        value, used = decode_one(item, data, at)
        values.append(value)
        at += used
    return values


def rlp(item):
    """Recursive length prefix of bytes, integers and lists."""
    if isinstance(item, list):
        body, base = b"".join(map(rlp, item)), 0xC0
    else:
        body = item.to_bytes((item.bit_length() + 7) // 8, "big") if isinstance(item, int) else item
        base = 0x80
        if len(body) == 1 and body[0] < 0x80:
            return body
    if len(body) < 56:
        return bytes([base + len(body)]) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([base + 55 + len(size)]) + size + body


# ---- JSON-RPC -------------------------------------------------------------------------------------------------------


class RpcError(Exception):
    def __init__(self, method, error):
        super().__init__(f"{method}: {error.get('message')} {error.get('data') or ''}")
        self.data = error.get("data")


class Rpc:
    """One kept-alive connection; opened again once if the server has closed it."""

    def __init__(self, url):
        self.address = urllib.parse.urlsplit(url)
        self.connection = None
        self.id = 0

    def call(self, method, *params):
        self.id += 1
        body = json.dumps({"jsonrpc": "2.0", "id": self.id, "method": method, "params": params})
        for attempt in (1, 2):
            try:
                if self.connection is None:
                    self.connection = http.client.HTTPConnection(self.address.hostname, self.address.port, timeout=60)
                self.connection.request("POST", "/", body, {"content-type": "application/json"})
                answer = json.loads(self.connection.getresponse().read())
                break
            except (http.client.HTTPException, OSError):
                self.connection = None
                if attempt == 2:
                    raise
        if "error" in answer:
            raise RpcError(method, answer["error"])
        return answer["result"]


# ---- contracts ------------------------------------------------------------------------------------------------------


class Contract:
    def __init__(self, chain, address, abi):
        self.chain, self.address, self.abi = chain, address.lower(), abi

    def _function(self, name, count):
        for item in self.abi:
            signature = item["name"] + "(" + ",".join(map(type_text, item["inputs"])) + ")" if item["type"] == "function" else ""
            if signature and (item["name"] == name and len(item["inputs"]) == count or signature == name):
                return item, keccak(signature.encode())[:4]
        raise KeyError(f"no function {name} with {count} arguments")

    @staticmethod
    def data_selector(item):
        return "0x" + keccak((item["name"] + "(" + ",".join(map(type_text, item["inputs"])) + ")").encode())[:4].hex()

    def data(self, name, *args):
        """The calldata of a call."""
        item, selector = self._function(name, len(args))
        return "0x" + (selector + encode(item["inputs"], args)).hex()

    def read(self, name, *args, sender=None):
        item, selector = self._function(name, len(args))
        request = {"to": self.address, "data": "0x" + (selector + encode(item["inputs"], args)).hex()}
        if sender:
            request["from"] = sender
        values = decode(item["outputs"], _raw(self.chain.rpc.call("eth_call", request, "latest")))
        return values[0] if len(values) == 1 else values

    def send(self, key, name, *args, value=0):
        """Sign and send a transaction. Returns its receipt."""
        return self.chain.receipt(self.post(key, name, *args, value=value))

    def post(self, key, name, *args, value=0, gas=None):
        """The same without waiting. In: gas: its limit; None asks the node. Returns the transaction's hash."""
        return self.chain.post(key, self.address, self.data(name, *args), value, gas)

    def events(self, receipt, name):
        """The decoded events of one name that this contract emitted in a receipt."""
        found = []
        for item in self.abi:
            if item["type"] != "event" or item["name"] != name:
                continue
            topic = "0x" + keccak((name + "(" + ",".join(map(type_text, item["inputs"])) + ")").encode()).hex()
            for log in receipt["logs"]:
                if log["address"] == self.address and log["topics"][0] == topic:
                    found.append(self._event(item, log))
        return found

    @staticmethod
    def _event(item, log):
        indexed = [i for i in item["inputs"] if i["indexed"]]
        values = {i["name"]: decode_one(i, _raw(t), 0)[0] for i, t in zip(indexed, log["topics"][1:])}
        rest = [i for i in item["inputs"] if not i["indexed"]]
        values.update(zip((i["name"] for i in rest), decode(rest, _raw(log["data"]))))
        return values


class Chain:
    """artifacts: the folder of tools/contracts-build."""

    GAS_PRICE_MAX = 10**10

    def __init__(self, url, artifacts):
        self.rpc = Rpc(url)
        self.artifacts = artifacts
        self.id = int(self.rpc.call("eth_chainId"), 16)
        self.nonces = {}
        self.now = None  # set by manual_time: the time of the newest block

    def artifact(self, name):
        with open(os.path.join(self.artifacts, name + ".json"), encoding="utf-8") as f:
            return json.load(f)

    def at(self, name, address):
        return Contract(self, address, self.artifact(name)["abi"])

    def time(self):
        return self.now or int(self.rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def manual_time(self):
        """From now on blocks are made by mine() alone: the story's clock is the chain's clock."""
        self.rpc.call("evm_setAutomine", False)
        self.now = self.time()

    def mine(self, at=None):
        """Make a block, one second after the last one or at the time given."""
        self.now = max(self.now + 1, at or 0)
        self.rpc.call("evm_setNextBlockTimestamp", self.now)
        self.rpc.call("evm_mine")

    def post(self, key, to, data, value=0, gas=None):
        """Sign an EIP-1559 transaction here and send it raw. Returns its hash."""
        nonce = self.nonces.get(key.address)
        if nonce is None:
            nonce = int(self.rpc.call("eth_getTransactionCount", key.address, "pending"), 16)
        if gas is None:
            request = {"from": key.address, "data": data, "value": hex(value)} | ({"to": to} if to else {})
            try:
                gas = int(self.rpc.call("eth_estimateGas", request), 16) * 5 // 4
            except RpcError as error:
                raise RpcError("a transaction would revert", {"message": self.error_name(error.data) or str(error)}) from None
        fields = [self.id, nonce, 0, self.GAS_PRICE_MAX, gas, _raw(to) if to else b"", value, _raw(data), []]
        signature = _raw(key.sign(keccak(b"\2" + rlp(fields))))
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
        tx = self.rpc.call("eth_sendRawTransaction", "0x02" + rlp(fields + [signature[64] - 27, r, s]).hex())
        self.nonces[key.address] = nonce + 1
        return tx

    def send(self, key, to, data, value=0):
        return self.receipt(self.post(key, to, data, value))

    def receipt(self, tx):
        """The receipt of a transaction; raises with the reason if it reverted."""
        receipt = self.rpc.call("eth_getTransactionReceipt", tx)
        if receipt is None and self.now:
            self.mine()
        for _ in range(200):
            if receipt is None:
                time.sleep(0.005)
                receipt = self.rpc.call("eth_getTransactionReceipt", tx)
        if receipt is None:
            raise RpcError(f"transaction {tx}", {"message": "is in no block"})
        if int(receipt["status"], 16) != 1:
            raise RpcError(f"transaction {tx}", {"message": "reverted", "data": self._reason(tx, receipt)})
        return receipt

    def _reason(self, tx, receipt):
        sent = self.rpc.call("eth_getTransactionByHash", tx)
        before = hex(int(receipt["blockNumber"], 16) - 1)
        request = {k: sent[k] for k in ("from", "to", "value", "gas") if sent.get(k)} | {"data": sent["input"]}
        try:
            self.rpc.call("eth_call", request, before)
        except RpcError as error:
            return self.error_name(error.data)
        return None

    def error_name(self, data):
        """A revert's data as the error it is in any of our contracts."""
        if not data or len(data) < 10:
            return data
        for file in sorted(os.listdir(self.artifacts)):
            for item in self.artifact(file[:-5])["abi"]:
                if item["type"] == "error":
                    signature = item["name"] + "(" + ",".join(map(type_text, item["inputs"])) + ")"
                    if keccak(signature.encode())[:4].hex() == data[2:10]:
                        return f"{item['name']}({', '.join(map(str, decode(item['inputs'], _raw(data)[4:])))})"
        return data

    def deploy(self, key, name, *args):
        artifact = self.artifact(name)
        inputs = next((i["inputs"] for i in artifact["abi"] if i["type"] == "constructor"), [])
        receipt = self.send(key, None, artifact["bytecode"] + encode(inputs, args).hex())
        return Contract(self, receipt["contractAddress"], artifact["abi"])
