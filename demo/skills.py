# SPDX-License-Identifier: Apache-2.0
"""Skills of the site that this program plays: small HTTP servers on Unix sockets in the site's folder, which `dam up` shows under
/api/skills/NAME/ (docs/api.md). Requests wait in one queue and are answered by the story's own thread, so that nothing happens at once."""
import base64
import http.server
import json
import os
import queue
import socketserver
import threading
import urllib.parse


class Request:
    """One request that waits; `answer` lets it go."""

    def __init__(self, skill, method, path, query, headers, body):
        self.skill, self.method, self.path, self.query, self.headers, self.body = skill, method, path, query, headers, body
        self.done = threading.Event()
        self.status, self.answer_headers, self.answer_body = 503, {}, b""

    def json(self):
        try:
            value = json.loads(self.body or b"null")
        except ValueError:
            value = None
        return value if isinstance(value, dict) else {}

    def answer(self, status, body, headers=None, kind="application/json"):
        self.status, self.answer_headers = status, {"Content-Type": kind} | (headers or {})
        self.answer_body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.done.set()


class Skills:
    def __init__(self, home):
        self.folder = os.path.join(home, "skills")
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        self.waiting = queue.Queue()
        self.handlers, self.servers = {}, []

    def serve(self, name, handle):
        """Open skills/NAME.sock; handle(request) is called by `turn` and must answer."""
        waiting = self.waiting

        class Handler(http.server.BaseHTTPRequestHandler):
            def _ask(self):
                url = urllib.parse.urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                request = Request(name, self.command, url.path, urllib.parse.parse_qs(url.query), self.headers, body)
                waiting.put(request)
                request.done.wait(9)
                self.send_response(request.status)
                for key, value in request.answer_headers.items():
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(request.answer_body)))
                self.end_headers()
                self.wfile.write(request.answer_body)

            do_GET = do_POST = _ask

            def log_message(self, *_):
                pass

        class Server(socketserver.ThreadingUnixStreamServer):
            daemon_threads = True

        path = os.path.join(self.folder, name + ".sock")
        if os.path.exists(path):
            os.unlink(path)
        server = Server(path, Handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
        self.servers.append((server, path))
        self.handlers[name] = handle

    def turn(self, seconds=0.0):
        """Answer what waits; wait up to `seconds` for one more. Returns whether there was any."""
        any_ = False
        while True:
            try:
                request = self.waiting.get(timeout=seconds) if seconds > 0 and not any_ else self.waiting.get_nowait()
            except queue.Empty:
                return any_
            any_ = True
            try:
                self.handlers[request.skill](request)
            except Exception as error:  # pylint: disable=broad-except
                request.answer(500, {"type": "about:blank", "status": 500, "detail": str(error)}, kind="application/problem+json")
            if not request.done.is_set():
                request.answer(500, {"type": "about:blank", "status": 500, "detail": "no answer"}, kind="application/problem+json")

    def close(self):
        for server, path in self.servers:
            server.shutdown()
            server.server_close()
            if os.path.exists(path):
                os.unlink(path)


def problem(request, status, detail):
    request.answer(status, {"type": "about:blank", "status": status, "detail": detail}, kind="application/problem+json")


def pack(value):
    """JSON in base64, as x402 puts it into headers."""
    return base64.b64encode(json.dumps(value, separators=(",", ":")).encode()).decode()


def unpack(text):
    return json.loads(base64.b64decode(text, validate=True))
