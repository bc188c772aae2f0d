"""A server that writes frames and does nothing else, so that it is never what is measured.

A program of its own: `python -m tests.benchmarks.sender '{"count": 60000}'` prints its port. It
shakes hands, greets, waits for the client's first word, and writes. A burst is built beforehand
and written in large pieces; with `rate` (messages a second) each message goes when it is due, and
says when that was. A client asks for fewer messages by `?count=N`.
"""

import base64
import hashlib
import json
import re
import socket
import ssl
import sys
import threading
import time

from tests.benchmarks.messages import HELLO, SIZE, frame, message

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
WRITE = 256 * 1024  # bytes at once
CLOSE = b"\x88"  # the first byte of the client's Close frame
UNSTAMPED = b"0" * 19  # nanoseconds of the monotonic clock, as text: JSON knows no leading zeros


class Sender:
    """Frames, and how they go out."""

    def __init__(self, count: int, size: int = SIZE, rate: float = 0) -> None:
        """Prepare `count` frames; `rate` 0 sends them at once."""
        self._rate = rate
        payloads = [message(number, size) for number in range(count)]
        if rate:
            payloads = [b'{"sent": "' + UNSTAMPED + b'", ' + payload[1:] for payload in payloads]
        self._frames = [frame(payload) for payload in payloads]

    def serve(self, client: socket.socket) -> None:
        """Shake hands, greet, wait for a first word, send, wait for the end."""
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        count = re.search(rb"[?&]count=(\d+)", head)
        frames = self._frames[: int(count[1])] if count else self._frames
        burst = b"" if self._rate else b"".join(frames)  # before the clock of the client runs
        key = re.search(rb"(?i)sec-websocket-key: *(\S+)", head)
        accept = base64.b64encode(hashlib.sha1((key[1] if key else b"") + GUID).digest())
        client.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + frame(HELLO)
        )
        client.recv(4096)
        if self._rate:
            self._pace(client, frames)
        else:
            for at in range(0, len(burst), WRITE):
                client.sendall(burst[at : at + WRITE])
        while (word := client.recv(4096)) and word[:1] != CLOSE:
            pass

    def _pace(self, client: socket.socket, frames: list[bytes]) -> None:
        started = time.perf_counter()
        for number, each in enumerate(frames):
            late = started + number / self._rate - time.perf_counter()
            if late > 0:
                time.sleep(late)
            client.sendall(each.replace(UNSTAMPED, b"%019d" % time.monotonic_ns(), 1))


def answer(sender: Sender, client: socket.socket, context: ssl.SSLContext | None) -> None:
    """Serve one client; its end is no news."""
    try:
        with context.wrap_socket(client, server_side=True) if context else client as stream:
            sender.serve(stream)
    except OSError:
        return


def main() -> None:
    """Serve until killed."""
    options = json.loads(sys.argv[1])
    context = None
    if certificate := options.pop("certificate", None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    sender = Sender(**options)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            client, _ = listener.accept()
            threading.Thread(target=answer, args=(sender, client, context), daemon=True).start()


if __name__ == "__main__":
    main()
