"""Text frames of a WebSocket's server: RFC 6455 section 5.2, whole and unmasked."""

_TEXT = 0x81  # FIN and opcode 1
_SHORT = [bytes((_TEXT, size)) for size in range(126)]


def text_frame(payload: bytes) -> bytes:
    """The bytes that carry `payload` (UTF-8) as one message."""
    size = len(payload)
    if size < 126:
        return _SHORT[size] + payload
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload
