# SPDX-License-Identifier: Apache-2.0
"""Writes what arrives on a TCP port to a file: HAProxy's access log. Usage: log_sink.py PORT FILE"""

import selectors
import socket
import sys


def main() -> None:
    port, path = int(sys.argv[1]), sys.argv[2]
    selector = selectors.DefaultSelector()
    listener = socket.create_server(("127.0.0.1", port))
    selector.register(listener, selectors.EVENT_READ)
    with open(path, "ab", buffering=0) as out:
        while True:
            for key, _ in selector.select():
                if key.fileobj is listener:
                    selector.register(listener.accept()[0], selectors.EVENT_READ)
                    continue
                data = key.fileobj.recv(1 << 18)
                if data:
                    out.write(data)
                else:
                    selector.unregister(key.fileobj)
                    key.fileobj.close()


if __name__ == "__main__":
    main()
