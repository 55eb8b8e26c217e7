# SPDX-License-Identifier: Apache-2.0
"""Real peers of the field tests, each on a port or pseudo-terminal of its own: mosquitto, pymodbus, gpsd; and a JSON server."""
import http.server
import json
import os
import pty
import select
import shutil
import signal
import socket
import subprocess
import termios
import threading
import time
import tty

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = "/usr/bin/python3"  # Debian's own: python3-pymodbus is a Debian package


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait(what, seconds=10.0, step=0.05):
    """Until what() is true. Returns its last value."""
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value or time.monotonic() > end:
            return value
        time.sleep(step)


def connects(port):
    try:
        socket.create_connection(("127.0.0.1", port), 0.5).close()
        return True
    except OSError:
        return False


class Process:
    """A child that ends with the test."""

    def __init__(self, args, **kwargs):
        self.child = subprocess.Popen(args, stdout=kwargs.pop("stdout", subprocess.DEVNULL), stderr=kwargs.pop("stderr", subprocess.DEVNULL), **kwargs)

    def stop(self, how=signal.SIGTERM):
        if self.child.poll() is None:
            self.child.send_signal(how)
            try:
                self.child.wait(5)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()


class Broker:
    """mosquitto; with a password, and with TLS if `tls` names a folder with ca.crt, server.crt and server.key."""

    def __init__(self, folder, user=None, password=None, tls=None, port=None):
        os.makedirs(folder, exist_ok=True)
        self.port, self.tls, self.login = port or free_port(), tls, []
        self.conf = os.path.join(folder, "mosquitto.conf")
        lines = [f"listener {self.port} 127.0.0.1", "persistence false"]
        if user:
            passwords = os.path.join(folder, "passwords")
            open(passwords, "w", encoding="utf-8").close()
            subprocess.run(["mosquitto_passwd", "-b", passwords, user, password], check=True, capture_output=True)
            os.chmod(passwords, 0o644)
            os.chmod(folder, 0o755)
            lines += [f"password_file {passwords}", "allow_anonymous false"]
            self.login = ["-u", user, "-P", password]
        else:
            lines += ["allow_anonymous true"]
        if tls:
            lines += [f"cafile {tls}/ca.crt", f"certfile {tls}/server.crt", f"keyfile {tls}/server.key"]
        if os.getuid() == 0:
            lines += ["user root"]
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write("\n".join(lines) + "\n")
        self.process = None
        self.start()

    def start(self):
        self.process = Process(["mosquitto", "-c", self.conf])
        assert wait(lambda: connects(self.port)), "mosquitto does not start"

    def stop(self, how=signal.SIGTERM):
        self.process.stop(how)

    def tool(self, name, *args):
        tls = ["--cafile", f"{self.tls}/ca.crt"] if self.tls else []
        return [f"mosquitto_{name}", "-h", "localhost" if self.tls else "127.0.0.1", "-p", str(self.port), *self.login, *tls, *args]

    def publish(self, topic, payload, *args):
        subprocess.run(self.tool("pub", "-t", topic, "-m", payload, *args), check=True, timeout=10)

    def flood(self, topic, payloads):
        subprocess.run(self.tool("pub", "-t", topic, "-l"), input="\n".join(payloads) + "\n", text=True, check=True, timeout=60)

    def read(self, topic, count=1, seconds=5):
        """The first messages of a topic filter: [(topic, payload)]."""
        out = subprocess.run(self.tool("sub", "-t", topic, "-v", "-C", str(count), "-W", str(seconds)), capture_output=True, text=True, check=False).stdout
        return [line.split(" ", 1) for line in out.splitlines()]


def certificates(folder):
    """A CA and a broker's certificate for localhost."""
    os.makedirs(folder, exist_ok=True)

    def openssl(*args):
        subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=test CA")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    with open(os.path.join(folder, "ext"), "w", encoding="utf-8") as f:
        f.write("subjectAltName=DNS:localhost\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-out", "server.crt", "-extfile", "ext")
    return folder


def serial_pair():
    """Two pseudo-terminals joined back to back, as a null-modem cable joins two ports. Returns (path, path, unplug)."""
    ends = [pty.openpty() for _ in range(2)]
    for _, slave in ends:
        tty.setraw(slave, termios.TCSANOW)
    paths = [os.ttyname(slave) for _, slave in ends]
    stop = threading.Event()

    def pump():
        a, b = ends[0][0], ends[1][0]
        while not stop.is_set():
            for fd in select.select([a, b], [], [], 0.05)[0]:
                try:
                    os.write(b if fd == a else a, os.read(fd, 4096))
                except OSError:
                    pass
        for master, slave in ends:
            os.close(master)
            os.close(slave)
    thread = threading.Thread(target=pump, daemon=True)
    thread.start()

    def unplug():
        stop.set()
        thread.join()
    return paths[0], paths[1], unplug


class Sunspec(Process):
    """tests/field/sunspec_device.py; its standard input takes lines, answered by a line."""

    def __init__(self, where, *units):
        super().__init__([PYTHON, os.path.join(HERE, "sunspec_device.py"), where, *units], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.child.stdout.readline().strip() == "ready", "pymodbus does not start"

    def ask(self, line):
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()
        return self.child.stdout.readline().strip()


class Gps(Process):
    """gpsd with gpsfake, playing an NMEA log round and round."""

    def __init__(self, log):
        self.port = free_port()
        super().__init__(["gpsfake", "-q", "-c", "0.1", "-P", str(self.port), log], start_new_session=True,
                         env=dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin", GPSD_HOME="/usr/sbin"))
        assert wait(lambda: connects(self.port)), "gpsd does not start"

    def stop(self, how=signal.SIGTERM):
        super().stop(how)
        try:
            os.killpg(self.child.pid, signal.SIGKILL)  # its own session: gpsd, which gpsfake may leave behind
        except ProcessLookupError:
            pass


class Json:
    """A JSON document over HTTP; POSTed members go into it."""

    def __init__(self, document):
        self.document, self.posts, self.status, self.raw, self.headers = document, [], 200, None, []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self, body):
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body)
                except BrokenPipeError:
                    pass  # the machine has gone

            def do_GET(self):
                outer.headers.append(self.headers.get("Authorization"))
                self.answer(outer.raw if outer.raw is not None else json.dumps(outer.document).encode())

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if outer.status == 200:
                    outer.posts.append(body)
                    outer.document.update(body)
                self.answer(b"{}")

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/state"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def missing(*names):
    """Those programs that are not here."""
    return [n for n in names if shutil.which(n, path=os.environ["PATH"] + ":/usr/sbin") is None]
