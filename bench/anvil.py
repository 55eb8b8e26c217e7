# SPDX-License-Identifier: Apache-2.0
"""anvil beside a benchmark: the processor time of its eth_call, and how fast this machine is today."""
import json
import math
import os
import socket
import subprocess
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SHARED = os.environ.get("DAM_SHARED", os.path.join(ROOT, "..", "shared"))
LOOP_MGAS_THERE = 1098  # anvil's, of the kernel loop_, on the reference machine (docs/design/evm.md)


class Anvil:
    binary = os.path.join(ROOT, "peers", "node_modules", ".bin", "anvil")

    def __init__(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen([self.binary, "--port", str(port), "--silent", "--gas-limit", "100000000000",
                                         "--code-size-limit", "1000000"], stdout=subprocess.DEVNULL)
        for _ in range(200):
            try:
                self.call("eth_blockNumber", [])
                self.clock = ~self.worker() << 3 | 2  # the processor clock of another process, as clock_getcpuclockid makes it
                return
            except OSError:
                time.sleep(0.05)
        raise OSError("anvil does not answer")

    def worker(self):
        """The process that npm's launcher started."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as file:
            return int((file.read().split() or [self.process.pid])[0])

    def call(self, method, params):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(self.url, body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=120) as answer:
            reply = json.load(answer)
        if "error" in reply:
            raise OSError(reply["error"]["message"])
        return reply["result"]

    def time(self, transaction):
        """(seconds, output)."""
        start = time.clock_gettime(self.clock)
        output = self.call("eth_call", [transaction, "latest"])
        return time.clock_gettime(self.clock) - start, output

    def empty(self):
        """Seconds of a call that does nothing, to be taken from others."""
        return min(self.time({"to": "0x00000000000000000000000000000000000000ff"})[0] for _ in range(30))

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def set_up(self, pre):
        for address, account in pre.items():
            if account["code"] not in ("", "0x"):
                self.call("anvil_setCode", [address, account["code"]])
            for key, value in account["storage"].items():
                self.call("anvil_setStorageAt", [address, "0x" + key[2:].rjust(64, "0"), "0x" + value[2:].rjust(64, "0")])


def cases(path):
    """(label, pre, transaction for eth_call) of each case, in dam's order."""
    with open(path, encoding="utf-8") as file:
        tests = json.load(file)
    for name, test in tests.items():
        for posts in test["post"].values():
            for index, post in enumerate(posts):
                at, tx = post["indexes"], test["transaction"]
                yield f"{name}/{index}", test["pre"], {"from": tx["sender"], "to": tx["to"], "data": tx["data"][at["data"]],
                                                       "gas": hex(int(tx["gasLimit"][at["gas"]], 16))}


def slower_than_reference(gas_of, rounds=5):
    """How many times this machine is slower now than the reference machine, by anvil's loop; None where that cannot be told.

    gas_of(path) gives the gas of the one case in a kernel's file."""
    path = os.path.join(SHARED, "bench", "kernels", "loop_.json")
    if not os.path.exists(path) or not os.path.exists(Anvil.binary):
        return None
    anvil = Anvil()
    try:
        empty = anvil.empty()
        _, pre, transaction = next(cases(path))
        anvil.set_up(pre)
        best = min((anvil.time(transaction)[0] - empty for _ in range(rounds)), default=math.inf)
    finally:
        anvil.stop()
    return LOOP_MGAS_THERE / (gas_of(path) / 1e6 / best)
