"""Reads the administrator's policy: `{"level": "off"|"crash"|"error"|"usage"|"full"}`.

A file that is there but cannot be understood forbids everything: an administrator who wrote one
meant to forbid something.
"""

from pathlib import Path

import msgspec

from sidespool.core.consent import Policy
from sidespool.core.settings import BYTE_ORDER_MARK
from sidespool.wire.level import LEVEL_BY_LABEL, Level


def read_policy(path: Path) -> Policy:
    """The highest level the administrator allows, and what is wrong with the file if it forbids."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return Policy(None)
    except OSError as error:
        return _forbidden(path, f"cannot be read: {error.strerror or error}")
    try:
        raw = raw.removeprefix(BYTE_ORDER_MARK)
        label = msgspec.json.decode(raw, type=dict[str, object]).get("level")
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return _forbidden(path, "is not a JSON object")
    if not isinstance(label, str) or label not in LEVEL_BY_LABEL:
        return _forbidden(path, "names no level of off, crash, error, usage and full")
    return Policy(LEVEL_BY_LABEL[label])


def _forbidden(path: Path, problem: str) -> Policy:
    return Policy(Level.OFF, f"the administrator's policy file {path} {problem}")
