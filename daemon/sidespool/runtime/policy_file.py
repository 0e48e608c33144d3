"""Reads the administrator's policy: `{"level": "off"|"crash"|"error"|"usage"|"full"}`.

A file that is there but cannot be understood forbids everything: an administrator who wrote one
meant to forbid something.
"""

from pathlib import Path

import msgspec

from sidespool.core.settings import BYTE_ORDER_MARK
from sidespool.wire.level import LEVEL_BY_LABEL, Level


def read_policy(path: Path) -> Level | None:
    """The highest level the administrator allows; None where there is no policy."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError:
        return Level.OFF
    try:
        raw = raw.removeprefix(BYTE_ORDER_MARK)
        label = msgspec.json.decode(raw, type=dict[str, object]).get("level")
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return Level.OFF
    return LEVEL_BY_LABEL.get(label, Level.OFF) if isinstance(label, str) else Level.OFF
