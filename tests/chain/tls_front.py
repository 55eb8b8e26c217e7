#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A node behind TLS: usage: tls_front.py PORT_OF_THE_NODE CERTIFICATE KEY. Prints its own port, and passes bytes both ways until it is
ended."""
import selectors
import socket
import ssl
import sys
import threading


def serve(outside, inside):
    """One client, until either side has enough."""
    with outside, inside, selectors.DefaultSelector() as ready:
        other = {inside: outside, outside: inside}
        for side in other:
            ready.register(side, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select():
                data = key.fileobj.recv(1 << 16)  # more than a TLS record holds: nothing stays behind it
                if not data:
                    return
                other[key.fileobj].sendall(data)


def main(port, certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(f"127.0.0.1:{listener.getsockname()[1]}", flush=True)
        while True:
            plain, _ = listener.accept()
            try:
                outside = context.wrap_socket(plain, server_side=True)
                inside = socket.create_connection(("127.0.0.1", port))
            except OSError:  # a client that does not trust us, or a node that has ended
                continue
            threading.Thread(target=serve, args=(outside, inside), daemon=True).start()


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
