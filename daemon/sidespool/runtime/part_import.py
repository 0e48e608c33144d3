"""Imports one module of a package without all that the package's `__init__` brings along.

A daemon that only serves loads half of aiohttp that way (no client, no TLS contexts read from
disk: 5 MB and 60 ms less), and of watchfiles only the watcher itself. The package is left
unfinished in `sys.modules`; `complete` runs its `__init__` when the rest is needed, too. Where a
newer version of a package does not stand for that, it is imported as usual.

Two threads may want the one and the other at once, and whoever imports `package` by its name in
between would find half of it. So a module of ours that uses such a package is itself imported
here, through `import_over_part` or `import_over_whole`, under the same lock.
"""

import importlib
import importlib.util
import sys
import threading
from types import ModuleType

_LOCK = threading.RLock()
_unfinished: set[str] = set()
# Codecs that aiohttp would load if they are there; nothing here asks for them.
_UNUSED = ("backports.zstd", "compression.zstd", "brotli", "brotlicffi")


def import_over_part(user: str, part: str) -> ModuleType:
    """The module `user`, which needs no more than `part` of a package."""
    with _LOCK:
        import_part(part)
        return importlib.import_module(user)


def import_over_whole(user: str, package: str) -> ModuleType:
    """The module `user`, which needs all of a package."""
    with _LOCK:
        complete(package)
        return importlib.import_module(user)


def import_part(name: str) -> ModuleType:
    """The module `package.part`."""
    package = name.partition(".")[0]
    with _LOCK:
        if package not in sys.modules:
            _begin(package)
        try:
            return _lean(name)
        except (ImportError, AttributeError):
            complete(package)
            return importlib.import_module(name)


def complete(package: str) -> None:
    """Runs the package's `__init__` where it has not run yet."""
    with _LOCK:
        if package not in _unfinished:
            return
        _unfinished.discard(package)
        module = sys.modules[package]
        if module.__spec__ is not None and module.__spec__.loader is not None:
            module.__spec__.loader.exec_module(module)


def _begin(package: str) -> None:
    spec = importlib.util.find_spec(package)
    if spec is None:
        return
    module = importlib.util.module_from_spec(spec)
    module.__dict__["__version__"] = "0"  # some parts ask for it
    sys.modules[package] = module
    _unfinished.add(package)


def _lean(name: str) -> ModuleType:
    """The import, with what is unused out of sight."""
    away = [one for one in _UNUSED if one not in sys.modules]
    hidden: dict[str, None] = dict.fromkeys(away)
    sys.modules.update(hidden)  # type: ignore[arg-type]  # None: the import system's own "not here"
    try:
        return importlib.import_module(name)
    finally:
        for one in away:
            sys.modules.pop(one, None)
