"""Bytes: dialled, guarded and framed; the only door to the WebSocket library."""
