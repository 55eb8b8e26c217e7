#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the small models in tests/model/fixtures with the real libraries and writes what they answer.

  tests/model/make_fixtures.py DATA_FOLDER [OUT]    (DATA_FOLDER: shared/data; packages: tests/model/requirements.txt)

The rows are hours of a public price series (EPF, Apache-2.0): the hour and day, prices of one, two and seven days ago and a
published forecast; the target is the price, its class (cheap, middle, dear) or whether it is dear. `rows.csv` holds the rows;
NAME.out.csv the library's own sums on them, before any link. With --large the models of issue size go to OUT (not committed).
"""
import csv
import json
import os
import sys

import lightgbm
import numpy as np
import onnx
import xgboost
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
import onnxruntime

args = [a for a in sys.argv[1:] if not a.startswith("--")]
LARGE = "--large" in sys.argv
DATA = args[0]
OUT = args[1] if len(args) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures")
os.makedirs(OUT, exist_ok=True)
NAMES = ["hour", "day", "price_24h", "price_48h", "price_168h", "forecast_error_24h", "forecast"]


def rows():
    with open(os.path.join(DATA, "a-microgrid/epf/BE.csv"), encoding="utf-8") as f:
        table = list(csv.DictReader(f))
    price = np.array([round(float(r["price"]), 2) for r in table])
    forecast = np.array([round(float(r["lear_ensemble"]), 2) for r in table])
    x = []
    for t in range(168, len(price)):
        x.append([t % 24, t // 24 % 7, price[t - 24], price[t - 48], price[t - 168],
                  round(price[t - 24] - forecast[t - 24], 2), forecast[t]])
    return np.array(x), price[168:]


X, Y = rows()
CLASS = np.digitize(Y, np.quantile(Y, [0.3, 0.7]))
SPLIT = len(X) * 2 // 3
TRAIN = slice(0, SPLIT)
TEST = slice(SPLIT, SPLIT + 400) if not LARGE else slice(SPLIT, len(X))
X32 = X.astype(np.float32)


def write_rows(name, x):
    with open(os.path.join(OUT, name), "w", encoding="utf-8") as f:
        f.write(",".join(NAMES) + "\n")
        for row in x:
            f.write(",".join("" if np.isnan(v) else f"{v:.12g}" for v in row) + "\n")


def write_out(name, y):
    y = np.asarray(y, dtype=np.float64).reshape(len(y), -1)
    with open(os.path.join(OUT, name + ".out.csv"), "w", encoding="utf-8") as f:
        for row in y:
            f.write(",".join(f"{v:.9g}" for v in row) + "\n")


def write_onnx(name, model):
    # the oldest IR and opset that the runtime of today still takes from every exporter
    with open(os.path.join(OUT, name + ".onnx"), "wb") as f:
        f.write(model.SerializeToString())


def run_onnx(model, x, output=0):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x.astype(np.float32)})[output]


def holes(x):
    """A tenth of the cells missing, from a fixed seed."""
    x = x.copy()
    x[np.random.default_rng(5).random(x.shape) < 0.1] = np.nan
    return x


def xgb(name, params, y, x=X, trees=20, depth=4, formats=("json",)):
    params = dict(params, max_depth=depth, eta=0.2, seed=1, nthread=2, tree_method="hist")
    booster = xgboost.train(params, xgboost.DMatrix(x[TRAIN], y[TRAIN], feature_names=NAMES), trees)
    for kind in formats:
        with open(os.path.join(OUT, f"{name}.{kind}"), "wb") as f:
            f.write(bytes(booster.save_raw(kind)))
    write_out(name, booster.predict(xgboost.DMatrix(x[TEST], feature_names=NAMES), output_margin=True))


def lgb(name, params, y, x=X, trees=20, depth=5):
    params = dict(params, max_depth=depth, num_leaves=min(31, 2 ** depth), seed=1, num_threads=2, verbose=-1, deterministic=True)
    booster = lightgbm.train(params, lightgbm.Dataset(x[TRAIN], y[TRAIN], feature_name=NAMES), trees)
    booster.save_model(os.path.join(OUT, name + ".txt"))
    write_out(name, booster.predict(x[TEST], raw_score=params.get("boosting") != "rf"))  # raw would be the sum


def skl(name, model, y, score, output=0, **options):
    model.fit(X32[TRAIN], y[TRAIN])
    onx = to_onnx(model, X32[:1], target_opset=17, **options)
    write_onnx(name, onx)
    write_out(name, score(model, onx))


def net(name, sizes, activation="Relu", out_activation=None, qdq=False, seed=3):
    """A PyTorch-shaped chain of Gemm(transB=1), its weights from sklearn's trainer."""
    scaler = StandardScaler().fit(X[TRAIN])
    targets = np.stack([np.interp(Y, (np.quantile(Y, q / (sizes[-1] + 1)), np.quantile(Y, 0.99)), (-1, 1))
                        for q in range(1, sizes[-1] + 1)], axis=1)
    mlp = MLPRegressor(hidden_layer_sizes=sizes[1:-1], activation={"Relu": "relu", "LeakyRelu": "relu", "Tanh": "tanh",
                                                "Sigmoid": "logistic"}[activation],
                       max_iter=30 if not LARGE else 12, random_state=seed)
    mlp.fit(scaler.transform(X[TRAIN]), targets[TRAIN])
    init, nodes, last = [], [], "input"
    add = lambda n, v, t=np.float32: init.append(numpy_helper.from_array(np.asarray(v, dtype=t), n))
    add("mean", scaler.mean_)
    add("std", scaler.scale_)
    nodes.append(helper.make_node("Sub", ["input", "mean"], ["centred"]))
    nodes.append(helper.make_node("Div", ["centred", "std"], ["scaled"]))
    last = "scaled"
    a = scaler.transform(X[TRAIN])
    for i, (w, b) in enumerate(zip(mlp.coefs_, mlp.intercepts_)):
        if qdq:
            # symmetric weights a column, asymmetric activations, as onnxruntime's static quantiser writes them
            low, high = min(a.min(), 0), max(a.max(), 0)
            add(f"as{i}", (high - low) / 255)
            add(f"az{i}", np.clip(round(-128 - low / ((high - low) / 255)), -128, 127), np.int8)
            nodes.append(helper.make_node("QuantizeLinear", [last, f"as{i}", f"az{i}"], [f"q{i}"]))
            nodes.append(helper.make_node("DequantizeLinear", [f"q{i}", f"as{i}", f"az{i}"], [f"dq{i}"]))
            last = f"dq{i}"
            s = np.abs(w).max(axis=0) / 127
            add(f"wq{i}", np.round(w / s), np.int8)
            add(f"ws{i}", s)
            add(f"wz{i}", np.zeros(len(s)), np.int8)
            nodes.append(helper.make_node("DequantizeLinear", [f"wq{i}", f"ws{i}", f"wz{i}"], [f"w{i}"], axis=1))
            add(f"b{i}", b)
            nodes.append(helper.make_node("MatMul", [last, f"w{i}"], [f"mm{i}"]))
            nodes.append(helper.make_node("Add", [f"mm{i}", f"b{i}"], [f"z{i}"]))
        else:
            add(f"w{i}", w.T)
            add(f"b{i}", b)
            nodes.append(helper.make_node("Gemm", [last, f"w{i}", f"b{i}"], [f"z{i}"], transB=1))
        last = f"z{i}"
        a = a @ w + b
        if i + 1 < len(mlp.coefs_):
            extra = {"alpha": 0.1} if activation == "LeakyRelu" else {}
            nodes.append(helper.make_node(activation, [last], [f"a{i}"], **extra))
            last = f"a{i}"
            a = np.maximum(a, 0)
    if out_activation == "Clip":
        add("low", -0.8)
        add("high", 0.8)
        nodes.append(helper.make_node("Clip", [last, "low", "high"], ["out"]))
        last = "out"
    elif out_activation:
        nodes.append(helper.make_node(out_activation, [last], ["out"]))
        last = "out"
    graph = helper.make_graph(nodes, name, [helper.make_tensor_value_info("input", TensorProto.FLOAT, [None, sizes[0]])],
                              [helper.make_tensor_value_info(last, TensorProto.FLOAT, [None, sizes[-1]])], init)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    write_onnx(name, model)
    write_out(name, run_onnx(model, X[TEST]))


def decision_scores(model, _):
    return model.decision_function(X32[TEST])


def main():
    write_rows("rows.csv", X[TEST])
    write_rows("holes.csv", holes(X)[TEST])
    if LARGE:
        xgb("xgb_200x6", {"objective": "reg:squarederror"}, Y, trees=200, depth=6, formats=("json", "ubj"))
        xgb("xgb_200x8", {"objective": "reg:squarederror"}, Y, trees=200, depth=8, formats=("ubj",))
        lgb("lgb_200x8", {"objective": "regression"}, Y, trees=200, depth=8)
        net("net_64", [7, 64, 64, 64, 16])
        net("net_16_32_8", [7, 16, 32, 8])
        return
    xgb("xgb_reg", {"objective": "reg:squarederror"}, Y, formats=("json", "ubj"))
    xgb("xgb_holes", {"objective": "binary:logistic"}, (CLASS == 2).astype(int), x=holes(X))
    xgb("xgb_multi", {"objective": "multi:softprob", "num_class": 3}, CLASS, trees=8, depth=3, formats=("ubj",))
    xgb("xgb_poisson", {"objective": "count:poisson"}, np.maximum(Y, 0), trees=5, depth=3, formats=("ubj",))
    xgb("xgb_linear", {"objective": "reg:squarederror", "booster": "gblinear"}, Y)
    lgb("lgb_reg", {"objective": "regression"}, Y)
    lgb("lgb_holes", {"objective": "binary"}, (CLASS == 2).astype(int), x=holes(X))
    lgb("lgb_multi", {"objective": "multiclass", "num_class": 3}, CLASS, trees=6, depth=4)
    lgb("lgb_forest", {"objective": "regression", "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6}, Y, trees=8)
    skl("skl_linear", make_pipeline(StandardScaler(), LinearRegression()), Y, lambda m, o: run_onnx(o, X[TEST]))
    skl("skl_logistic", make_pipeline(StandardScaler(), LogisticRegression()), (CLASS == 2).astype(int), decision_scores)
    skl("skl_logistic3", make_pipeline(StandardScaler(), LogisticRegression()), CLASS, decision_scores)
    skl("skl_boosting", GradientBoostingRegressor(n_estimators=20, max_depth=4, random_state=1), Y, lambda m, o: run_onnx(o, X[TEST]))
    skl("skl_forest", RandomForestClassifier(6, max_depth=6, random_state=1), CLASS,
        lambda m, o: run_onnx(o, X[TEST], 1), options={"zipmap": False})
    skl("skl_net", make_pipeline(MinMaxScaler(), MLPRegressor(hidden_layer_sizes=(16, 8), max_iter=40, random_state=1)), Y,
        lambda m, o: run_onnx(o, X[TEST]))
    skl("skl_net_classes", make_pipeline(StandardScaler(), MLPClassifier(hidden_layer_sizes=(16,), max_iter=30, random_state=1)), CLASS,
        lambda m, o: np.log(m.predict_proba(X32[TEST])), options={"zipmap": False})
    skl("skl_net_two", make_pipeline(StandardScaler(), MLPClassifier(hidden_layer_sizes=(8,), max_iter=30, random_state=1)), (CLASS == 2).astype(int),
        lambda m, o: (lambda p: np.log(p[:, 1] / p[:, 0]))(m.predict_proba(X32[TEST]).astype(np.float64)), options={"zipmap": False})
    net("net_relu", [7, 16, 32, 8])
    net("net_tanh", [7, 12, 12, 2], activation="Tanh", out_activation="Tanh")
    net("net_sigmoid", [7, 10, 3], activation="Sigmoid", out_activation="Sigmoid")
    net("net_leaky", [7, 12, 2], activation="LeakyRelu", out_activation="Clip")
    net("net_qdq", [7, 16, 16, 4], qdq=True)
    with open(os.path.join(OUT, "made_with.json"), "w", encoding="utf-8") as f:
        json.dump({m.__name__: m.__version__ for m in (xgboost, lightgbm, onnx, onnxruntime, np)}, f, indent=1)
        f.write("\n")


main()
