"""Server-sent events: cut a byte stream into frames and read a frame's fields (WHATWG HTML, 9.2)."""


class FrameTooLong(ValueError):
    """A frame grew past the bound before its blank line came."""


class FrameCutter:
    """Cuts chunks of any size into whole frames, each kept with its exact bytes.

    A frame ends with a blank line; lines end with LF or CRLF, as every provider writes them. `max_frame_bytes` bounds
    what is held back.
    """

    def __init__(self, max_frame_bytes: int = 16 * 1024 * 1024) -> None:
        self._rest = b""
        self._max_frame_bytes = max_frame_bytes

    def feed(self, chunk: bytes) -> list[bytes]:
        """The frames completed by `chunk`, in order, each with its closing blank line.

        Raises:
            FrameTooLong: more than `max_frame_bytes` came without a blank line.
        """
        data = self._rest + chunk if self._rest else chunk
        frames: list[bytes] = []
        start = 0
        while (end := _frame_end(data, start)) != -1:
            frames.append(data[start:end])
            start = end
        self._rest = data[start:]
        if len(self._rest) > self._max_frame_bytes:
            raise FrameTooLong(f"a server-sent event is longer than {self._max_frame_bytes} bytes")
        return frames

    def rest(self) -> bytes:
        """What came after the last whole frame."""
        return self._rest


def _frame_end(data: bytes, start: int) -> int:
    """Where the frame that begins at `start` ends (after its blank line), or -1."""
    end = data.find(b"\n\n", start)
    if b"\r" not in data:
        return -1 if end == -1 else end + 2
    ends = [] if end == -1 else [end + 2]
    for mark in (b"\r\n\r\n", b"\n\r\n"):
        found = data.find(mark, start)
        if found != -1:
            ends.append(found + len(mark))
    return min(ends, default=-1)


def fields(frame: bytes) -> tuple[bytes, bytes]:
    """The event name and the joined data lines of one frame; comments and other fields are passed over."""
    if frame.startswith(b"data: ") and frame.find(b"\n") == len(frame) - 2:
        return b"", frame[6:-2]
    name, data = b"", []
    for line in frame.splitlines():
        field, _, value = line.partition(b":")
        value = value[1:] if value.startswith(b" ") else value
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
    return name, b"\n".join(data)


def frame(data: bytes, event: bytes = b"") -> bytes:
    """One frame with `data` (a single line) and, where given, its event name."""
    if event:
        return b"event: " + event + b"\ndata: " + data + b"\n\n"
    return b"data: " + data + b"\n\n"
