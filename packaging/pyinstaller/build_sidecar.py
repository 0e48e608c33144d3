"""Builds the sidecar for this operating system and checks that it starts.

`python packaging/pyinstaller/build_sidecar.py OUT` makes `OUT/sidespool/sidespool`, with the
`sidespool` and the PyInstaller of the Python that runs it; `--mac-binaries OUT` prints the files
that electron-builder must sign on macOS, inside out, as a JSON list.
"""

import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
STARTS = 5
# Mach-O, 64 bit and universal, in both byte orders (loader.h, fat.h).
MACH_O = {
    bytes.fromhex(word) for word in ("feedfacf", "cffaedfe", "cafebabe", "feedface", "cefaedfe")
}


def build(out: Path) -> Path:
    """The directory `OUT/sidespool`."""
    with tempfile.TemporaryDirectory() as work:
        command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN"]
        command += ["--distpath", str(out), "--workpath", work, str(HERE / "sidecar.spec")]
        subprocess.run(command, check=True)
    return out / "sidespool"


def start_once(program: Path) -> float:
    """Milliseconds from the spawn to the ready line; it ends at the end of its input."""
    with tempfile.TemporaryDirectory() as data_dir:
        env = {**os.environ, "TELEMETRY_DATA_DIR": data_dir, "TELEMETRY_APP_ID": "probe"}
        started = time.perf_counter()
        with subprocess.Popen(
            [str(program), "run", "--stdio"],
            env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        ) as process:  # fmt: skip
            assert process.stdout is not None
            assert process.stdin is not None
            ready = json.loads(process.stdout.readline())
            took_ms = (time.perf_counter() - started) * 1000
            assert ready["op"] == "ready", ready
            process.stdin.write(
                b'{"op":"emit","id":1,"events":[{"event_type":"ChatTurn","payload":{}}]}\n'
            )
            process.stdin.flush()
            ack = json.loads(process.stdout.readline())
            assert ack["accepted"] == 1, ack
            check_http(ready["url"], ready["token"])
            process.stdin.close()
            assert process.wait(20) == 0
    return took_ms


def check_http(url: str, token: str) -> None:
    """The HTTP door's libraries are loaded with the first request: they must be inside."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    connection.request("GET", "/v1/status", headers={"Authorization": f"Bearer {token}"})
    assert json.loads(connection.getresponse().read())["app_id"] == "probe"
    connection.close()


def mac_binaries(tree: Path) -> list[str]:
    """Every Mach-O file below a directory, deepest first: as code is signed, from the inside."""
    found = []
    for path in tree.rglob("*"):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                if file.read(4) in MACH_O:
                    found.append(path)
    found.sort(key=lambda path: (-len(path.parts), str(path)))
    return [f"Contents/Resources/sidespool/{path.relative_to(tree).as_posix()}" for path in found]


def main(argv: list[str]) -> int:
    """Builds and reports, or lists what to sign."""
    out = Path(argv[-1]).absolute()
    if argv[0] == "--mac-binaries":
        sys.stdout.write(json.dumps(mac_binaries(out / "sidespool"), indent=2) + "\n")
        return 0
    tree = build(out)
    size = sum(path.lstat().st_size for path in tree.rglob("*") if path.is_file())
    name = "sidespool.exe" if sys.platform == "win32" else "sidespool"
    times = [start_once(tree / name) for _ in range(STARTS)]
    sys.stdout.write(
        f"{tree}: {size / 1e6:.0f} MB; ready after {times[0]:.0f} ms (first), "
        f"{sorted(times)[STARTS // 2]:.0f} ms (median)\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["."]))
