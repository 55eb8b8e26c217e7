#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""TensorFlow Lite's fixtures: what the reference kernels of both runtimes answer.

  tests/model/make_tflite.py DATA_FOLDER      (once with ai-edge-litert 2 installed, once with tflite-runtime 2.14 and numpy 1)

ad01.once.csv (LiteRT, whose kernel rounds a sum once), ad01.twice.csv (TensorFlow Lite, twice): MLPerf Tiny's int8 autoencoder on
made-up rows. The first row holds input scale, input zero point, output scale, output zero point; then a row an input: input i of row r
is (i * 37 + r * 101) % 256 - 128.
net_int8.tflite, net_int8.out.csv (LiteRT): a net 7-12-3 with int8 weights and activations and random weights, on the fixtures' rows.
"""
import csv
import os
import sys

import numpy as np

try:
    import flatbuffers
    from ai_edge_litert import schema_py_generated as tfl
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    ROUNDING = "once"
except ImportError:
    from tflite_runtime.interpreter import Interpreter, OpResolverType

    ROUNDING = "twice"

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures")
INT8, INT32, FLOAT = 9, 2, 0


def interpreter(**source):
    model = Interpreter(experimental_op_resolver_type=OpResolverType.BUILTIN_REF, **source)
    model.allocate_tensors()
    return model, model.get_input_details()[0], model.get_output_details()[0]


def autoencoder(data):
    model, source, sink = interpreter(model_path=os.path.join(data, "x-mlperf-tiny/ad01_int8.tflite"))
    with open(os.path.join(OUT, f"ad01.{ROUNDING}.csv"), "w", encoding="utf-8") as f:
        head = [*source["quantization"], *sink["quantization"]] + [0] * 636
        f.write(",".join(f"{v:.9g}" for v in head) + "\n")
        for r in range(1, 9):
            x = np.array([(i * 37 + r * 101) % 256 - 128 for i in range(640)], dtype=np.int8).reshape(source["shape"])
            model.set_tensor(source["index"], x)
            model.invoke()
            f.write(",".join(str(int(v)) for v in model.get_tensor(sink["index"]).ravel()) + "\n")


class Net:
    """A graph under construction."""

    def __init__(self):
        self.model, self.graph = tfl.ModelT(), tfl.SubGraphT()
        self.model.version, self.model.buffers, self.model.operatorCodes = 3, [tfl.BufferT()], []
        self.model.subgraphs = [self.graph]
        self.graph.tensors, self.graph.operators = [], []
        for code in (114, 9, 6):  # QUANTIZE, FULLY_CONNECTED, DEQUANTIZE
            c = tfl.OperatorCodeT()
            c.builtinCode, c.deprecatedBuiltinCode, c.version = code, code, 1 if code == 114 else 4 if code == 9 else 2
            self.model.operatorCodes.append(c)

    def tensor(self, shape, kind, values=None, scale=None, zero=0):
        t = tfl.TensorT()
        t.shape, t.type, t.buffer, t.name = list(shape), kind, 0, f"t{len(self.graph.tensors)}"
        if scale is not None:
            t.quantization = tfl.QuantizationParametersT()
            t.quantization.scale, t.quantization.zeroPoint = [float(scale)], [int(zero)]
        if values is not None:
            b = tfl.BufferT()
            b.data = np.frombuffer(values.tobytes(), dtype=np.uint8)
            self.model.buffers.append(b)
            t.buffer = len(self.model.buffers) - 1
        self.graph.tensors.append(t)
        return len(self.graph.tensors) - 1

    def operator(self, code, inputs, outputs, relu=None):
        o = tfl.OperatorT()
        o.opcodeIndex, o.inputs, o.outputs = code, inputs, outputs
        if relu is not None:
            o.builtinOptionsType, o.builtinOptions = tfl.BuiltinOptions.FullyConnectedOptions, tfl.FullyConnectedOptionsT()
            o.builtinOptions.fusedActivationFunction = 1 if relu else 0
        self.graph.operators.append(o)

    def blob(self):
        builder = flatbuffers.Builder(4096)
        builder.Finish(self.model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())


def quantisation(a):
    low, high = min(a.min(), 0), max(a.max(), 0)
    scale = (high - low) / 255
    return scale, int(np.clip(round(-128 - low / scale), -128, 127))


def small_net():
    with open(os.path.join(OUT, "rows.csv"), encoding="utf-8") as f:
        rows = np.array(list(csv.reader(f))[1:], dtype=np.float64)
    random = np.random.default_rng(11)
    sizes = [7, 12, 3]
    net = Net()
    a = rows
    net.graph.inputs = [net.tensor([1, sizes[0]], FLOAT)]
    scale, zero = quantisation(a)
    last = net.tensor([1, sizes[0]], INT8, scale=scale, zero=zero)
    net.operator(0, net.graph.inputs, [last])
    for i in range(len(sizes) - 1):
        w = random.normal(size=(sizes[i + 1], sizes[i])) / np.sqrt(sizes[i])
        ws = np.abs(w).max() / 127
        wq = np.round(w / ws).astype(np.int8)
        b = random.normal(size=sizes[i + 1]) * 5
        wt = net.tensor(w.shape, INT8, wq, ws)
        bt = net.tensor([sizes[i + 1]], INT32, np.round(b / (scale * ws)).astype(np.int32), scale * ws)
        relu = i + 2 < len(sizes)
        a = a @ (wq * ws).T + b
        a = np.maximum(a, 0) if relu else a
        scale, zero = quantisation(a)
        out = net.tensor([1, sizes[i + 1]], INT8, scale=scale, zero=zero)
        net.operator(1, [last, wt, bt], [out], relu)
        last = out
    net.graph.outputs = [net.tensor([1, sizes[-1]], FLOAT)]
    net.operator(2, [last], net.graph.outputs)
    blob = net.blob()
    with open(os.path.join(OUT, "net_int8.tflite"), "wb") as f:
        f.write(blob)
    run, source, sink = interpreter(model_content=blob)
    with open(os.path.join(OUT, "net_int8.out.csv"), "w", encoding="utf-8") as f:
        for row in rows:
            run.set_tensor(source["index"], row.astype(np.float32).reshape(1, -1))
            run.invoke()
            f.write(",".join(f"{v:.9g}" for v in run.get_tensor(sink["index"]).ravel()) + "\n")
    print("step of the output", scale)


autoencoder(sys.argv[1])
if ROUNDING == "once":
    small_net()
