#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random models with their blobs and answers, from docs/spec/model.md, evaluated by plain integers from the model as
drawn (never from the blob). Any implementation must give the same answers.

    contracts/test/vectors/model.py > contracts/test/vectors/model.json
"""
import json
import random
import struct

rnd = random.Random("dam model 1")
I32, I64 = (1 << 31) - 1, (1 << 63) - 1


def sat(x, a, b):
    return a if x < a else b if x > b else x


def i32(x):
    return struct.pack(">i", x)


def i64(x):
    return struct.pack(">q", x)


def feature(kind, channels):
    f = dict(channel=rnd.randrange(channels), field=rnd.choice([0] * 8 + [1, 2]), period=0, shift=0, mul=1)
    f["missing"] = rnd.choice([-I64 - 1, I64, 0, rnd.randint(-10**6, 10**6)])
    f["center"] = rnd.choice([0, rnd.randint(-10**6, 10**6), rnd.randint(-I64 - 1, I64)])
    if rnd.random() < 0.2:
        f["period"] = rnd.choice([60, 86400, 604800, (1 << 32) - 1])
    if kind in (2, 4):
        f["center"] = rnd.randint(-3000, 0)
        f["shift"] = rnd.randint(0, 24)
        f["mul"] = rnd.choice([1, -1]) * rnd.randint(1, min(I32, (256 << f["shift"]) // 2000 + 2))
    if kind == 5:
        f["shift"] = rnd.randint(0, 10)
        f["mul"] = rnd.choice([1, -1]) * rnd.randint(1, 6000 << f["shift"])
    if kind == 1 and rnd.random() < 0.3:
        f["shift"], f["mul"] = rnd.randint(0, 62), rnd.randint(-I32 - 1, I32)
    if kind == 3:
        f["shift"] = rnd.choice([0, 0, 0, 3, 20])
        f["center"] = rnd.choice([0, 0, f["center"]])
    return f


def feature_word(f):
    return struct.pack(">HBBIqqi4x", f["channel"], f["field"], f["shift"], f["period"], f["missing"], f["center"], f["mul"])


def raw(f, record):
    value, age, quality = record
    if f["field"] == 0 and quality in (2, 4):
        return f["missing"]
    r = (value, age, quality)[f["field"]]
    return r % f["period"] if f["period"] else r


def output(kind, span):
    lo, hi = sorted((rnd.randint(-10**12, 10**12), rnd.randint(-10**12, 10**12)))
    if rnd.random() < 0.6:
        lo, hi = -I64 - 1, I64
    mul = 1 if kind == 1 else rnd.randint(-I32, I32)
    return dict(bias=rnd.randint(-span, span), mul=mul, offset=rnd.randint(-10**9, 10**9), min=lo, max=hi,
                shift=rnd.randint(0, 40))


def output_word(o):
    return i32(o["bias"]) + i32(o["mul"]) + i64(o["offset"]) + i64(o["min"]) + i64(o["max"])


def input_of(kind, f, r):
    lo, hi = {1: (-I64 - 1, I64), 2: (0, 255), 3: (-I32 - 1, I32), 4: (0, 32767), 5: (-I32 - 1, I32)}[kind]
    return sat(((r - f["center"]) * f["mul"]) >> f["shift"], lo, hi)


def propose(o, acc):
    return sat(o["offset"] + (((acc + o["bias"]) * o["mul"]) >> o["shift"]), o["min"], o["max"])


def eights(x):
    return (x + 7) // 8 * 8


class Linear:
    kind, layers = 1, 0

    def __init__(self, inputs, outputs):
        size = rnd.choice([1000, I32])
        self.rows = [(output(1, I32), [rnd.randint(-size - 1, size) for _ in range(inputs)]) for _ in range(outputs)]

    def body(self):
        out = b""
        for o, weights in self.rows:
            row = bytes([0, 0, 0, o["shift"]]).ljust(32, b"\0") + output_word(o) + b"".join(map(i32, weights))
            out += row.ljust((len(row) + 31) // 32 * 32, b"\0")
        return out

    def run(self, d):
        return [propose(o, sum(w * x for w, x in zip(weights, d))) for o, weights in self.rows]


class Mlp:
    kind = 2

    def __init__(self, inputs, widths):
        self.layers = len(widths)
        self.parts = []
        for k, neurons in enumerate(widths):
            last = k == len(widths) - 1
            weights = [[rnd.randint(-128, 127) for _ in range(inputs)] for _ in range(neurons)]
            shift, mul = rnd.randint(10, 30), 0
            if last:
                heads = [output(2, 1 << 30) for _ in range(neurons)]
                for o in heads:
                    o["shift"] = shift
            else:
                mul = min(I32, rnd.randint(1, 3) * ((1 << shift) // (inputs * 100) + 1))
                heads = [rnd.choice([rnd.randint(-20000, 20000)] * 9 + [1 << 30, -(1 << 30)]) for _ in range(neurons)]
            self.parts.append((inputs, neurons, shift, mul, heads, weights, last))
            inputs = neurons

    def body(self):
        out = b""
        for inputs, neurons, shift, mul, heads, weights, last in self.parts:
            out += struct.pack(">HHB3xi20x", inputs, neurons, shift, mul)
            if last:
                out += b"".join(map(output_word, heads))
            for g in range(0, eights(neurons), 8):
                if not last:
                    out += b"".join(i32(heads[j] if j < neurons else 0) for j in range(g, g + 8))
                for b in range(0, eights(inputs), 4):
                    for j in range(g, g + 8):
                        for i in range(b, b + 4):
                            out += bytes([(weights[j][i] if j < neurons and i < inputs else 0) + 128])
        return out

    def run(self, u):
        for inputs, neurons, shift, mul, heads, weights, last in self.parts:
            acc = [sum(w * x for w, x in zip(row, u)) for row in weights]
            if last:
                return [propose(o, a) for o, a in zip(heads, acc)]
            u = [sat(((a + bias) * mul) >> shift, 0, 255) for a, bias in zip(acc, heads)]


def nearest(x, bits):
    """x / 2^bits, half up."""
    return (2 * x + (1 << bits)) >> (bits + 1)


def nearest_away(x, bits):
    """x / 2^bits, half away from zero."""
    return nearest(x, bits) if x >= 0 else -nearest(-x, bits)


class Int8(Mlp):
    """The net of bytes that rounds as TensorFlow Lite."""
    kind = 5

    def __init__(self, inputs, widths):
        super().__init__(inputs, widths)
        self.zero_in = rnd.randint(0, 255)
        self.words = []
        for k, (inputs, _, _, _, heads, _, last) in enumerate(self.parts):
            zero = rnd.choice([0, 0, 128, 255, rnd.randint(0, 255)])
            shift = rnd.choice([0, 31, rnd.randint(0, 31), 8, 9, 10, 11])
            if last:
                for o in heads:
                    o["shift"] = self.output_shift = heads[0]["shift"]
            self.words.append((shift, zero, rnd.choice([0, zero]), self.zero_in if k == 0 else 0, rnd.randint(1 << 30, I32),
                               self.output_shift if last else 0, rnd.choice([1, 2])))

    def body(self):
        out, plain = b"", super().body()
        at = 0
        for (inputs, neurons, _, _, _, _, last), word in zip(self.parts, self.words):
            size = 32 + (32 * neurons if last else 0) + eights(neurons) // 8 * ((0 if last else 32) + 8 * eights(inputs))
            out += struct.pack(">HHBBBBiBB18x", inputs, neurons, *word) + plain[at + 32:at + size]
            at += size
        return out

    def run(self, x):
        u = [sat(nearest(v, 16) + self.zero_in, 0, 255) for v in x]
        for (_, _, _, _, heads, weights, last), (shift, zero, low, _, mul, output_shift, rounding) in zip(self.parts, self.words):
            sums = [sum(w * c for w, c in zip(row, u)) + (h["bias"] if last else h) for row, h in zip(weights, heads)]
            if rounding == 1:
                u = [sat(nearest(s * mul, 31 + shift) + zero, low, 255) for s in sums]
            else:
                u = [sat(nearest_away(nearest(s * mul, 31), shift) + zero, low, 255) for s in sums]
            if last:
                return [sat(o["offset"] + nearest((c - zero) * o["mul"], output_shift), o["min"], o["max"])
                        for o, c in zip(heads, u)]


class Wide:
    """Codes of 15 bits, weights of 16, and layers through a table; every neuron's sum stays in int32 (section 6)."""
    kind = 4

    def __init__(self, inputs, widths, tables):
        self.layers = len(widths)
        self.parts = []
        for k, neurons in enumerate(widths):
            last = k == len(widths) - 1
            most = min(32767, ((1 << 31) - 1 - 20000) // 32767 // inputs)
            weights = [[rnd.randint(-most - (most < 32767), most) if most else 0 for _ in range(inputs)] for _ in range(neurons)]
            for row in weights:  # as large as the rule lets one be
                while 32767 * sum(map(abs, row)) + 20000 >= 1 << 31:
                    row[row.index(max(row, key=abs))] //= 2
            shift, mul = rnd.randint(10, 30), 0
            if last:
                heads = [output(4, 20000) for _ in range(neurons)]
                for o in heads:
                    o["shift"] = shift
            else:
                mul = min(I32, rnd.randint(1, 3) * ((1 << shift) // (most * inputs + 1) + 1))
                heads = [rnd.randint(-20000, 20000) for _ in range(neurons)]
            table = sorted(rnd.randint(0, 32767) for _ in range(257)) if tables[k] else None
            if table and rnd.random() < 0.5:
                table.reverse()
            self.parts.append((inputs, neurons, shift, mul, heads, weights, last, table))
            inputs = neurons

    def body(self):
        out = b""
        for inputs, neurons, shift, mul, heads, weights, last, table in self.parts:
            out += struct.pack(">HHBBxxi20x", inputs, neurons, shift, 1 if table else 0, mul)
            if table:
                out += struct.pack(">257H30x", *table)
            if last:
                out += b"".join(map(output_word, heads))
            for g in range(0, eights(neurons), 8):
                if not last:
                    out += b"".join(i32(heads[j] if j < neurons else 0) for j in range(g, g + 8))
                for h in (g, g + 4):
                    for b in range(0, eights(inputs), 4):
                        for j in range(h, h + 4):
                            for i in range(b, b + 4):
                                out += struct.pack(">H", (weights[j][i] if j < neurons and i < inputs else 0) + 32768)
        return out

    def run(self, u):
        for inputs, neurons, shift, mul, heads, weights, last, table in self.parts:
            acc = [sum(w * x for w, x in zip(row, u)) for row in weights]
            if last:
                return [propose(o, a) for o, a in zip(heads, acc)]
            u = [sat(((a + bias) * mul) >> shift, 0, 32767) for a, bias in zip(acc, heads)]
            if table:
                u = [table[k >> 7] + (((table[(k >> 7) + 1] - table[k >> 7]) * (k & 127)) >> 7) for k in u]


class Forest:
    kind, layers = 3, 0

    def __init__(self, inputs, outputs, trees, depth):
        self.groups = []
        for _ in range(outputs):
            group = []
            for _ in range(trees):
                nodes = [(rnd.choice([-I32 - 1, I32, 0] + [rnd.randint(-3000, 3000)] * 9), rnd.randrange(inputs))
                         for _ in range(2**depth - 1)]
                group.append((nodes, [rnd.randint(-I32 - 1, I32) for _ in range(2**depth)]))
            self.groups.append((output(3, I32), depth, group))

    def body(self):
        out = b""
        for o, depth, trees in self.groups:
            out += struct.pack(">HBB28x", len(trees), depth, o["shift"]) + output_word(o)
            for nodes, leaves in trees:
                out += b"".join(i32(t) + bytes([i]) for t, i in nodes) + b"".join(map(i32, leaves))
        return out

    def run(self, x):
        answers = []
        for o, depth, trees in self.groups:
            acc = 0
            for nodes, leaves in trees:
                k = 1
                for _ in range(depth):
                    t, i = nodes[k - 1]
                    k = 2 * k + (x[i] < t)
                acc += leaves[k - 2**depth]
            answers.append(propose(o, acc))
        return answers


def vector(name, channels, features, frames, outputs, make, turns):
    model = make(features * frames, outputs)
    fs = [feature(model.kind, channels) for _ in range(features)]
    body = b"".join(map(feature_word, fs)) + model.body()
    blob = b"DAMM" + struct.pack(">BBHHBBBB2xI12x", 1, model.kind, channels, features, outputs % 256, model.layers, frames,
                                 outputs // 256, 32 + len(body)) + body
    memory, case = b"", dict(name=name, blob="0x" + blob.hex(), memory=[], observation=[], next=[], proposal=[])
    past = None
    for turn in range(turns):
        records = [(rnd.choice([rnd.randint(-3000, 3000)] * 4 + [rnd.randint(-I64 - 1, I64), -I64 - 1, I64]),
                    rnd.choice([0, 7, 1000, (1 << 32) - 1]), rnd.choice([0] * 6 + [1, 2, 3, 4]))
                   for _ in range(channels)]
        observation = b"".join(struct.pack(">qIB3x", *r) for r in records)
        if turn == turns - 1:
            memory, past = b"\x01" * 5, None  # a memory that is not ours counts as none
        now = [raw(f, records[f["channel"]]) for f in fs]
        past = ([now] + (past or [now] * (frames - 1)))[:frames]
        inputs = [input_of(model.kind, f, r) for frame in past for f, r in zip(fs, frame)]
        nextmem = b"".join(i64(r) for frame in past[:-1] for r in frame)
        proposal = b"".join(map(i64, model.run(inputs)))
        for key, value in (("memory", memory), ("observation", observation), ("next", nextmem), ("proposal", proposal)):
            case[key].append("0x" + value.hex())
        memory = nextmem
        past = past[:-1]
    return case


cases = [
    vector("linear 1 of 1", 1, 1, 1, 1, Linear, 4),
    vector("linear 5 of 3", 6, 5, 1, 3, Linear, 6),
    vector("linear 8 of 4, 3 frames", 5, 8, 3, 4, Linear, 6),
    vector("mlp 16-32-8", 20, 16, 1, 8, lambda n, m: Mlp(n, [32, m]), 6),
    vector("mlp 2-1", 3, 2, 1, 1, lambda n, m: Mlp(n, [m]), 4),
    vector("mlp 3-5-10-13-7", 4, 3, 1, 7, lambda n, m: Mlp(n, [5, 10, 13, m]), 6),
    vector("mlp 6-9-2, 4 frames", 4, 6, 4, 2, lambda n, m: Mlp(n, [9, m]), 6),
    vector("mlp 250-20-11", 250, 250, 1, 11, lambda n, m: Mlp(n, [20, m]), 2),
    vector("forest 1 x 1", 1, 1, 1, 1, lambda n, m: Forest(n, m, 1, 1), 4),
    vector("forest 3 x 7 of 2", 9, 12, 1, 2, lambda n, m: Forest(n, m, 3, 7), 6),
    vector("forest 4 x 3 of 3, 2 frames", 5, 5, 2, 3, lambda n, m: Forest(n, m, 4, 3), 6),
    vector("forest 2 x 8", 4, 4, 1, 1, lambda n, m: Forest(n, m, 2, 8), 3),
    vector("forest 9 x 5", 6, 8, 1, 1, lambda n, m: Forest(n, m, 9, 5), 8),
    vector("wide 2-1", 3, 2, 1, 1, lambda n, m: Wide(n, [m], [0]), 4),
    vector("wide 3-5-10-7, tables", 4, 3, 1, 7, lambda n, m: Wide(n, [5, 10, m], [1, 0, 0]), 6),
    vector("wide 6-9-2, 4 frames, table", 4, 6, 4, 2, lambda n, m: Wide(n, [9, m], [1, 0]), 6),
    vector("int8 2-1", 3, 2, 1, 1, lambda n, m: Int8(n, [m]), 6),
    vector("int8 7-12-3", 9, 7, 1, 3, lambda n, m: Int8(n, [12, m]), 8),
    vector("int8 3-5-10-13-7", 4, 3, 1, 7, lambda n, m: Int8(n, [5, 10, 13, m]), 8),
    vector("int8 6-9-2, 4 frames", 4, 6, 4, 2, lambda n, m: Int8(n, [9, m]), 6),
    vector("int8 300-8-300", 301, 300, 1, 300, lambda n, m: Int8(n, [8, m]), 2),
]
print(json.dumps({"count": len(cases), "cases": cases}, indent=0))
