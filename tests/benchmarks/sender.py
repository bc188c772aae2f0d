"""A server that writes frames as fast as it can: handshake, answers to pings, then one burst.

Run as a program, so that it costs the measured process nothing:
`python sender.py MESSAGES` prints its port, and sends `MESSAGES` frames to each client.
"""

import base64
import hashlib
import json
import socket
import struct
import sys
import threading

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
HELLO = b'{"type":"handshake","session_id":"s","authenticated":false,"message":"hi"}'
TYPES = ("agent_log_line", "agent_log_line", "agent_log_line", "tool_calls_update", "status_update")
EXECUTIONS = 1000
WRITE = 256 * 1024  # bytes at once


def frame(payload: bytes) -> bytes:
    """Return a whole unmasked text frame."""
    if len(payload) < 126:
        return struct.pack("!BB", 0x81, len(payload)) + payload
    return struct.pack("!BBH", 0x81, 126, len(payload)) + payload


def messages(count: int) -> bytes:
    """Return `count` frames of 304 bytes of JSON, in a mix of types and executions."""
    frames = []
    for number in range(count):
        message = {
            "execution_id": f"{number % EXECUTIONS:08d}-678f-4ba6-bcd1-5189b2ad2ac7",
            "flow_id": "db95356b-1adc-4d34-876c-39082f894900",
            "account_id": "fd574fbd-6838-441a-babb-7fba886addb9",
            "timestamp": "2026-11-22T20:57:43.363807+00:00",
            "type": TYPES[number % len(TYPES)],
            "payload": {"n": number, "line": ""},
        }
        short = len(json.dumps(message))
        message["payload"] = {"n": number, "line": "x" * (304 - short)}
        frames.append(frame(json.dumps(message).encode()))
    return b"".join(frames)


def serve(client: socket.socket, burst: bytes) -> None:
    """Shake hands, greet, send the burst when asked by a first message, then wait for the end."""
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    head = b""
    while b"\r\n\r\n" not in head:
        head += client.recv(4096)
    [key] = [line for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key")]
    accept = base64.b64encode(hashlib.sha1(key.split(b":", 1)[1].strip() + GUID).digest())
    client.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + frame(HELLO)
    )
    client.recv(4096)  # anything the client says starts the burst
    for at in range(0, len(burst), WRITE):
        client.sendall(burst[at : at + WRITE])
    client.recv(4096)  # its Close, or its end
    client.close()


def main() -> None:
    """Serve until killed."""
    burst = messages(int(sys.argv[1]))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            client, _ = listener.accept()
            threading.Thread(target=serve, args=(client, burst), daemon=True).start()


if __name__ == "__main__":
    main()
