# SPDX-License-Identifier: Apache-2.0
"""Keys of the people of the story: derived from the customary test mnemonic (BIP-39, BIP-32), signing EIP-712 messages (RFC 6979).

Test keys that everybody knows, in plain Python: never for money that anybody wants to keep.
"""
import hashlib
import hmac
import json
import subprocess

from chain import encode_one, keccak

TEST_MNEMONIC = "test test test test test test test test test test test junk"
P = 2**256 - 2**32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
G = (0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798, 0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8)


def _double(p):
    x, y, z = p
    s = 4 * x * y * y % P
    m = 3 * x * x % P
    x3 = (m * m - 2 * s) % P
    return x3, (m * (s - x3) - 8 * pow(y, 4, P)) % P, 2 * y * z % P


def _add(p, q):
    if p[2] == 0:
        return q
    if q[2] == 0:
        return p
    z1, z2 = p[2] * p[2] % P, q[2] * q[2] % P
    u1, u2 = p[0] * z2 % P, q[0] * z1 % P
    s1, s2 = p[1] * z2 * q[2] % P, q[1] * z1 * p[2] % P
    if u1 == u2:
        return _double(p) if s1 == s2 else (1, 1, 0)
    h, r = (u2 - u1) % P, (s2 - s1) % P
    h2 = h * h % P
    h3, v = h * h2 % P, u1 * h2 % P
    x3 = (r * r - h3 - 2 * v) % P
    return x3, (r * (v - x3) - s1 * h3) % P, h * p[2] * q[2] % P


_TABLE = []  # _TABLE[i][d] = d * 16^i * G


def _times_g(k):
    if not _TABLE:
        base = (*G, 1)
        for _ in range(64):
            row = [(1, 1, 0)]
            for _ in range(15):
                row.append(_add(row[-1], base))
            _TABLE.append(row)
            base = _add(row[-1], base)
    total = (1, 1, 0)
    for i in range(64):
        total = _add(total, _TABLE[i][k >> (4 * i) & 15])
    inverse = pow(total[2], -1, P)
    return total[0] * inverse**2 % P, total[1] * inverse**3 % P


class Key:
    def __init__(self, secret):
        self.secret = secret
        x, y = _times_g(secret)
        self.public = x.to_bytes(32, "big") + y.to_bytes(32, "big")
        self.address = "0x" + keccak(self.public)[12:].hex()

    def sign(self, digest):
        """r || s || v of a 32-byte digest, low s."""
        secret = self.secret.to_bytes(32, "big")
        k, v = b"\0" * 32, b"\1" * 32
        for mark in (b"\0", b"\1"):
            k = hmac.digest(k, v + mark + secret + (int.from_bytes(digest, "big") % N).to_bytes(32, "big"), "sha256")
            v = hmac.digest(k, v, "sha256")
        v = hmac.digest(k, v, "sha256")
        nonce = int.from_bytes(v, "big")
        x, y = _times_g(nonce)
        r = x % N
        s = pow(nonce, -1, N) * (int.from_bytes(digest, "big") + r * self.secret) % N
        odd = y & 1
        if s > N // 2:
            s, odd = N - s, odd ^ 1
        return "0x" + (r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([27 + odd])).hex()

    def sign_typed(self, domain, kind, message):
        return self.sign(typed_digest(domain, kind, message))


def recover(digest, signature):
    """The address whose key made r || s || v over a digest."""
    raw = bytes.fromhex(signature[2:])
    r, s, odd = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:64], "big"), raw[64] - 27
    y = pow(pow(r, 3, P) + 7, (P + 1) // 4, P)
    point = (r, P - y if (y & 1) != odd else y, 1)
    inverse, z = pow(r, -1, N), int.from_bytes(digest, "big") % N
    scaled, total = (1, 1, 0), s * inverse % N  # s/r * R - z/r * G
    for bit in bin(total)[2:]:
        scaled = _double(scaled) if scaled[2] else scaled
        scaled = _add(scaled, point) if bit == "1" else scaled
    x, y = _times_g(-z * inverse % N)
    x, y, w = _add(scaled, (x, y, 1))
    inverse = pow(w, -1, P)
    return "0x" + keccak((x * inverse**2 % P).to_bytes(32, "big") + (y * inverse**3 % P).to_bytes(32, "big"))[12:].hex()


def typed_digest(domain, kind, message):
    """EIP-712 for flat structs. kind: "Name(type field,...)"; domain: name, version, chainId, verifyingContract."""
    fields = [f.split(" ") for f in kind[kind.index("(") + 1:-1].split(",")]
    separator = _struct("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)",
                        [("string", "name"), ("string", "version"), ("uint256", "chainId"), ("address", "verifyingContract")], domain)
    return keccak(b"\x19\x01" + separator + _struct(kind, fields, message))


def _struct(kind, fields, values):
    data = keccak(kind.encode())
    for type_, name in fields:
        value = values[name]
        if type_ == "string":
            data += keccak(value.encode())
        elif type_ == "bytes":
            data += keccak(bytes.fromhex(value[2:]))
        elif type_.endswith("[]"):
            data += keccak(b"".join(encode_one({"type": type_[:-2]}, v) for v in value))
        else:
            data += encode_one({"type": type_}, value)
    return keccak(data)


def derive(index, mnemonic=TEST_MNEMONIC):
    """The key at m/44'/60'/0'/0/index."""
    seed = hashlib.pbkdf2_hmac("sha512", mnemonic.encode(), b"mnemonic", 2048)
    node = hmac.digest(b"Bitcoin seed", seed, "sha512")
    for step in (44 | 1 << 31, 60 | 1 << 31, 1 << 31, 0, index):
        secret, code = int.from_bytes(node[:32], "big"), node[32:]
        if step >> 31:
            data = b"\0" + node[:32]
        else:
            x, y = _times_g(secret)
            data = bytes([2 + (y & 1)]) + x.to_bytes(32, "big")
        out = hmac.digest(code, data + step.to_bytes(4, "big"), "sha512")
        node = ((int.from_bytes(out[:32], "big") + secret) % N).to_bytes(32, "big") + out[32:]
    return Key(int.from_bytes(node[:32], "big"))


def keystore(key, password):
    """The key as a Web3 Secret Storage file (version 3, light scrypt), for programs that take nothing else. Salt and IV follow from the
    address, so that a seed gives the same files twice: test keys only."""
    salt, iv = keccak(bytes.fromhex(key.address[2:])), keccak(key.address.encode())[:16]
    derived = hashlib.scrypt(password.encode(), salt=salt, n=4096, r=8, p=1, dklen=32)
    done = subprocess.run(["openssl", "enc", "-aes-128-ctr", "-K", derived[:16].hex(), "-iv", iv.hex()],
                          input=key.secret.to_bytes(32, "big"), stdout=subprocess.PIPE, check=True)
    return json.dumps({
        "version": 3, "id": "00000000-0000-4000-8000-000000000000", "address": key.address[2:],
        "crypto": {"cipher": "aes-128-ctr", "cipherparams": {"iv": iv.hex()}, "ciphertext": done.stdout.hex(),
                   "kdf": "scrypt", "kdfparams": {"n": 4096, "r": 8, "p": 1, "dklen": 32, "salt": salt.hex()},
                   "mac": keccak(derived[16:] + done.stdout).hex()}})
