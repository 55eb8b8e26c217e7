#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What LiteRT's reference kernels answer for MLPerf Tiny's int8 autoencoder on made-up rows (package ai-edge-litert).

  tests/model/make_ad01.py DATA_FOLDER >tests/model/fixtures/ad01.out.csv

The first row holds input scale, input zero point, output scale, output zero point; then a row an input: input i of row r is
(i * 37 + r * 101) % 256 - 128.
"""
import os
import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

path = os.path.join(sys.argv[1], "x-mlperf-tiny/ad01_int8.tflite")
model = Interpreter(path, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
model.allocate_tensors()
source, sink = model.get_input_details()[0], model.get_output_details()[0]
head = [*source["quantization"], *sink["quantization"]] + [0] * 636
print(",".join(f"{v:.9g}" for v in head))
for r in range(1, 9):
    x = np.array([(i * 37 + r * 101) % 256 - 128 for i in range(640)], dtype=np.int8).reshape(source["shape"])
    model.set_tensor(source["index"], x)
    model.invoke()
    print(",".join(str(int(v)) for v in model.get_tensor(sink["index"]).ravel()))
