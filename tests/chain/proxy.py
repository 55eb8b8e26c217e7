#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An HTTP proxy as companies have them: usage: proxy.py. Prints its own port, and then a line for each connection: the method and the host asked for.
It forwards requests with a whole URL, makes tunnels (CONNECT), and refuses all else, as a proxy does that nobody named as the server."""
import socket
import sys
import threading
import urllib.parse

from tls_front import serve

HEAD_MAX = 1 << 16


def head_of(client):
    """The bytes up to the empty line, and what came behind it."""
    data = b""
    while b"\r\n\r\n" not in data and len(data) < HEAD_MAX:
        more = client.recv(4096)
        if not more:
            return None, b""
        data += more
    return data.split(b"\r\n\r\n", 1)


def request(client):
    head, rest = head_of(client)
    if head is None:
        return
    method, target, *_ = head.split(b"\r\n", 1)[0].decode().split(" ")
    url = urllib.parse.urlsplit("//" + target if method == "CONNECT" else target)
    print(method, url.netloc, flush=True)
    if url.hostname is None:
        client.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        return
    try:
        server = socket.create_connection((url.hostname, url.port or 80))
    except OSError:
        client.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        return
    if method == "CONNECT":
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    else:  # one request a connection: the next may be for another server
        lines = [line for line in head.split(b"\r\n")[1:] if not line.lower().startswith((b"proxy-connection:", b"connection:"))]
        first = f"{method} {url.path or '/'}{'?' + url.query if url.query else ''} HTTP/1.1".encode()
        rest = b"\r\n".join([first, *lines, b"Connection: close", b"", rest])
    server.sendall(rest)
    serve(client, server)


def one(client):
    with client:
        request(client)


def main():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(f"127.0.0.1:{listener.getsockname()[1]}", flush=True)
        while True:
            threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
