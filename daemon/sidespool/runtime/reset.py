"""Deletes everything on this machine and queues the request to delete the rest elsewhere.

Steps, each safe to repeat after a crash, because `reset.json` stands until the last is done:
1 the marker with all ids ever used; 2 spool, quarantine, attachments, history, counts; 3 the
deletion request; 4 a new id and key; 5 consent denied; 6 the marker goes.

A process that was killed may have left files whose names are seen and not yet durable. Whoever
goes on from there syncs the folders first, or a power cut could take the marker after half of the
deletion, or the request after the marker.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path

import msgspec

from sidespool.core.consent import ConsentBook, ConsentRecord
from sidespool.core.erasure import (
    Erasure,
    Unfinished,
    decode_erasure,
    decode_unfinished,
    salvage_ids,
)
from sidespool.errors import SecretStoreError
from sidespool.runtime.disk import Disk
from sidespool.runtime.identity import Install, fresh_install, load_install, save_install
from sidespool.runtime.ids import new_uuid, now_ms
from sidespool.runtime.paths import DAMAGED_SUFFIX, DataPaths
from sidespool.runtime.record_file import load_consent, save_consent
from sidespool.wire.event import format_time


def begin_reset(disk: Disk, paths: DataPaths, user_ids: list[str]) -> Unfinished:
    """Step 1; from here on the reset will be finished, whatever happens."""
    known = read_unfinished(disk, paths)
    if known is not None:
        return known
    begun = Unfinished(new_uuid(), user_ids, now_ms())
    disk.write_atomic(paths.reset_file, msgspec.json.encode(begun))
    return begun


def read_unfinished(disk: Disk, paths: DataPaths) -> Unfinished | None:
    """A reset that a crash cut short; an unreadable marker still asks for one."""
    raw = disk.read(paths.reset_file)
    if raw is None:
        return None
    install, _ = load_install(disk, paths.install_file)
    return decode_unfinished(raw) or Unfinished(new_uuid(), install.history, now_ms())


def finish_reset(disk: Disk, paths: DataPaths, begun: Unfinished, way: str) -> Install:
    """Steps 2 to 6; the new installation's ids."""
    disk.sync_dir(paths.root)
    for folder in (paths.spool, paths.attachments, paths.history):
        empty_folder(disk, folder)
    for path in (
        paths.tally_file,
        paths.session_file,
        paths.withdrawal_file,
        paths.forget_file,
        paths.rollup_file,
        paths.reports_file,
    ):
        disk.remove(path)
    for name in disk.listdir(paths.root):
        if name.endswith(DAMAGED_SUFFIX):
            disk.remove(paths.root / name)
    request = paths.deletion / f"{begun.request_id}.json"
    if begun.user_ids and disk.read(request) is None:
        queued = Erasure(begun.request_id, begun.user_ids, begun.requested_ms, way)
        if way.startswith("email:"):
            queued.state = "waiting_for_mail"
        disk.write_atomic(request, msgspec.json.encode(queued))
    disk.sync_dir(paths.deletion)
    install, _ = load_install(disk, paths.install_file)
    if set(install.history) & set(begun.user_ids) or not begun.user_ids:
        install = fresh_install()
        save_install(disk, paths.install_file, install)
    book = load_consent(disk, paths.consent_file, now_ms(), lambda _: None)
    denied = ConsentRecord(
        decision="denied", at=format_time(begun.requested_ms), level="off", door="reset"
    )
    if denied not in book.records:
        save_consent(disk, paths.consent_file, ConsentBook([*book.records, denied]))
    disk.sync_dir(paths.root)
    disk.remove(paths.reset_file)
    disk.sync_dir(paths.root)
    return install


def forget_key(disk: Disk, paths: DataPaths, app_id: str, way: str) -> None:
    """Destroys the key of full content, if there ever was one; a locked keychain keeps it."""
    if disk.read(paths.key_file) is None:
        return
    from sidespool.runtime.vault import destroy_key

    with contextlib.suppress(SecretStoreError):
        destroy_key(disk, app_id, way, paths.key_file)


def empty_folder(disk: Disk, folder: Path) -> None:
    """Deletes every file in a folder, durably."""
    for name in disk.listdir(folder):
        path = folder / name
        if path.is_dir():
            empty_folder(disk, path)
            path.rmdir()
        else:
            disk.remove(path)
    disk.sync_dir(folder)


def load_requests(disk: Disk, paths: DataPaths) -> list[Erasure]:
    """All deletion requests, oldest first."""
    found = []
    for name in disk.listdir(paths.deletion):
        raw = disk.read(paths.deletion / name) if name.endswith(".json") else None
        request = decode_erasure(raw) if raw is not None else None
        if request is not None:
            found.append(request)
    return sorted(found, key=lambda one: one.requested_ms)


def mend_requests(disk: Disk, paths: DataPaths, log: Callable[[str], None]) -> None:
    """Asks anew for what a damaged request still names; the damaged one lies beside."""
    for name in disk.listdir(paths.deletion):
        path = paths.deletion / name
        raw = disk.read(path) if name.endswith(".json") else None
        if raw is None or decode_erasure(raw) is not None:
            continue
        request_id = name.removesuffix(".json")
        ids = salvage_ids(raw, request_id)
        log(f"deletion/{name} was damaged and set aside; ids that could be read: {len(ids)}")
        disk.write_atomic(path.with_name(f"{name}{DAMAGED_SUFFIX}"), raw)
        if ids:
            save_request(disk, paths, Erasure(request_id, ids, now_ms()))
        else:
            disk.remove(path)


def save_request(disk: Disk, paths: DataPaths, request: Erasure) -> None:
    """Writes a request's progress durably."""
    disk.write_atomic(paths.deletion / f"{request.request_id}.json", msgspec.json.encode(request))
