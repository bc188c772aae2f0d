"""A receiver of the sink `webhook`, with nothing but the standard library: it believes no stranger.

HOOK_SECRET=whsec_... python webhook_receiver.py 8000
"""

import base64
import hmac
import json
import os
import sys
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer

OLDEST = 300  # seconds; what is older may be somebody's copy of a request
MOST_BYTES = 16 * 1024 * 1024
seen: set[str] = set()  # ids of events; a real receiver keeps them in its database


def is_genuine(headers: Mapping[str, str], body: bytes, secret: str, now: float) -> bool:
    """Tell whether whoever has the secret has sent exactly this, just now."""
    sent_at, signatures = headers.get("webhook-timestamp", ""), headers.get("webhook-signature", "")
    if not sent_at.isdigit() or abs(now - int(sent_at)) > OLDEST:
        return False
    signed = f"{headers.get('webhook-id')}.{sent_at}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    wanted = "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    return any(hmac.compare_digest(wanted, each) for each in signatures.split())


class Receiver(BaseHTTPRequestHandler):
    """Prints each event once."""

    def do_POST(self) -> None:
        """Take a batch, or say 401: the sender then keeps everything until that is mended."""
        size = int(self.headers.get("content-length", 0))
        body = self.rfile.read(min(size, MOST_BYTES))
        headers = {name.lower(): value for name, value in self.headers.items()}
        if not is_genuine(headers, body, os.environ["HOOK_SECRET"], time.time()):
            self.answer(401)
            return
        for event in json.loads(body):
            if event["id"] not in seen:  # after a crash of the sender a batch may come twice
                seen.add(event["id"])
                print(event["topic"], event["type"], event["data"], flush=True)
        self.answer(204)

    def answer(self, status: int) -> None:
        """Answer without a body."""
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


if __name__ == "__main__":
    HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
