"""Builds AWS event-stream messages for tests (Amazon Lex V2 Developer Guide, event stream encoding)."""

import base64
import json
import struct
from binascii import crc32
from typing import Any


def header(name: str, kind: int, value: bytes) -> bytes:
    """One header: its name, the number of its value's type, and the value's bytes."""
    return bytes([len(name.encode())]) + name.encode() + bytes([kind]) + value


def string(value: str) -> bytes:
    """A string value, which type 7 announces."""
    return struct.pack("!H", len(value.encode())) + value.encode()


def message(headers: bytes, payload: bytes) -> bytes:
    """One message around encoded `headers` and its payload."""
    prelude = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    head = prelude + struct.pack("!I", crc32(prelude)) + headers + payload
    return head + struct.pack("!I", crc32(head))


def named(payload: bytes, **headers: str) -> bytes:
    """One message whose string headers have a colon before their names."""
    written = [header(":" + name.replace("_", "-"), 7, string(value)) for name, value in headers.items()]
    return message(b"".join(written), payload)


def event(name: str, payload: Any) -> bytes:
    """An event of Bedrock's; a name that ends with `Exception` is one of its exceptions."""
    kind = "exception" if name.endswith("Exception") else "event"
    headers = {f"{kind}_type": name, "content_type": "application/json", "message_type": kind}
    return named(json.dumps(payload).encode(), **headers)


def chunk(payload: Any) -> bytes:
    """An event of InvokeModelWithResponseStream's, which holds `payload` in base64 and a padding."""
    data = base64.b64encode(json.dumps(payload, separators=(",", ":")).encode()).decode()
    return event("chunk", {"bytes": data, "p": "abcdefgh"})
