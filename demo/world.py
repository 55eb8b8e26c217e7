# SPDX-License-Identifier: Apache-2.0
"""The processes of the demo's world: broker, plant, ledger. Each is the real program; the plant alone is simulated."""
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request

from keys import derive


# No block is valid without them: EIP-7002, EIP-7251.
SYSTEM_CONTRACTS = "0x00000961Ef480Eb55e80D19ad83579A64c007002", "0x0000BBdDc7CE488642fb579F8B00f3a590007251"

_libc = ctypes.CDLL(None)


def _die_with_parent():
    _libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for_port(port, process, seconds=30):
    for _ in range(int(seconds * 100)):
        if process.child.poll() is not None:
            raise RuntimeError(f"{process.name} has ended: {process.last_words()}")
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise TimeoutError(f"nothing listens on port {port} after {seconds} s")


def _resident(pid):
    """Resident bytes of a process, the mapped pages of its stores' files among them."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Process:
    """A child whose output goes to a log file in the demo's folder. It dies with us, however we die."""

    def __init__(self, name, folder):
        self.name, self.folder, self.child = name, folder, None

    def start(self, *command, **options):
        log = open(os.path.join(self.folder, self.name + ".log"), "ab")
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", log)
        self.child = subprocess.Popen(command, stderr=log, start_new_session=True, preexec_fn=_die_with_parent, **options)
        log.close()

    def last_words(self):
        with open(os.path.join(self.folder, self.name + ".log"), encoding="utf-8", errors="replace") as f:
            lines = f.read().strip().splitlines()
        if len(lines) > 1 and lines[-1].startswith("hint:"):
            return f"{lines[-2]} ({lines[-1]})"
        return lines[-1] if lines else f"{self.name} said nothing"

    def usage(self):
        """(resident bytes, processor seconds) of the process, and resident bytes of its children, now."""
        children = 0
        for task in os.listdir(f"/proc/{self.child.pid}/task"):
            try:
                with open(f"/proc/{self.child.pid}/task/{task}/children", encoding="ascii") as f:
                    children += sum(_resident(int(word)) for word in f.read().split())
            except OSError:
                pass  # it has ended meanwhile
        with open(f"/proc/{self.child.pid}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return _resident(self.child.pid), (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), children

    def stop(self, how=signal.SIGTERM):
        if self.child and self.child.poll() is None:
            self.child.send_signal(how)
            try:
                self.child.wait(10)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()


class Broker(Process):
    """A real mosquitto on a loopback port."""

    def __init__(self, folder):
        super().__init__("mosquitto", folder)
        self.port = free_port()
        self.config = os.path.join(folder, "mosquitto.conf")
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\nlog_type error\n")
        self.open()

    def open(self):
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        if not os.access(program, os.X_OK):
            raise RuntimeError("mosquitto is not installed: `tools/setup demo` installs what the demo needs")
        self.start(program, "-c", self.config)
        wait_for_port(self.port, self)


class Plant(Process):
    """The simulated site: SunSpec over Modbus TCP, the houses' meters over MQTT (broker_port None: not); its clock moves by step()."""

    def __init__(self, dam, folder, data, epoch, broker_port, name="plant"):
        super().__init__(name, folder)
        self.port = free_port()
        mqtt = [] if broker_port is None else ["--mqtt-port", str(broker_port)]
        self.start(dam, "plant", "solar-site", "--data", data, "--epoch", str(epoch), "--modbus-port", str(self.port), *mqtt,
                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.truth = self._answer()

    def _answer(self):
        line = self.child.stdout.readline()
        if not line:
            raise RuntimeError(f"the plant has ended: {self.last_words()}")
        return json.loads(line)

    def tell(self, command):
        self.child.stdin.write(command + "\n")
        self.child.stdin.flush()
        self.truth = self._answer()
        return self.truth


class Ledger(Process):
    """`dam ledger`: a genesis of our own, so that the same seed gives the same chain."""

    def __init__(self, dam, folder, genesis_time):
        super().__init__("ledger", folder)
        self.dam, self.port = dam, free_port()
        self.data = os.path.join(folder, "ledger")
        self.genesis = os.path.join(folder, "genesis.json")
        forks = ["homesteadBlock", "eip150Block", "eip155Block", "eip158Block", "byzantiumBlock", "constantinopleBlock",
                 "petersburgBlock", "istanbulBlock", "berlinBlock", "londonBlock", "terminalTotalDifficulty", "shanghaiTime",
                 "cancunTime", "pragueTime", "osakaTime"]
        alloc = {derive(i).address: {"balance": hex(10**24)} for i in range(16)} | self._system_contracts()
        with open(self.genesis, "w", encoding="utf-8") as f:
            json.dump({"config": {"chainId": 31337} | dict.fromkeys(forks, 0), "timestamp": hex(genesis_time), "gasLimit": hex(200_000_000),
                       "difficulty": "0x0", "baseFeePerGas": "0x0", "alloc": alloc}, f)
        self.open()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def _system_contracts(self):
        """As the built-in genesis has them."""
        self.start(self.dam, "ledger", "--dev", "--rpc", f"127.0.0.1:{self.port}")
        wait_for_port(self.port, self)
        calls = [{"jsonrpc": "2.0", "id": at, "method": "eth_getCode", "params": [at, "latest"]} for at in SYSTEM_CONTRACTS]
        request = urllib.request.Request(self.url, json.dumps(calls).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as reply:
            alloc = {answer["id"]: {"balance": "0x0", "nonce": "0x1", "code": answer["result"]} for answer in json.load(reply)}
        self.stop()
        return alloc

    def open(self):
        self.start(self.dam, "ledger", "--dev", "--gasless", "--genesis", self.genesis, "--data", self.data,
                   "--rpc", f"127.0.0.1:{self.port}")
        wait_for_port(self.port, self)
