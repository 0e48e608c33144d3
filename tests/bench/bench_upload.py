"""Measures the drain of sealed segments: our uploader against http.client in a thread.

Run it alone on a quiet machine: `python tests/bench/bench_upload.py [--json]`. Each contender is
a process of its own that posts the same 1 MiB segments to a sink on loopback which only counts
bytes, so that what is left is the client. CPU is the client's; "extra RSS" is its peak above a
process that has imported asyncio only.
"""

import argparse
import asyncio
import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from sidespool.core.endpoint import Endpoint, check_endpoint
from sidespool.runtime.collector_token import CollectorToken
from sidespool.runtime.exporters.http import HttpExporter
from sidespool.runtime.upload_ports import SealedBatch
from sidespool.runtime.uploader import Uploader
from sidespool.wire.level import Level
from support.upload_world import FakeSource, LoopClock, open_schedule

SEGMENTS = 200
SEGMENT_BYTES = 1_060_000
EVENTS = 11_520
ANSWER = b'{"accepted":%d,"duplicates":0,"rejected":[]}' % EVENTS
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(ANSWER) + ANSWER


class Sink(asyncio.Protocol):
    """Counts a body's bytes and says that all is well."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.head = b""
        self.left = 0

    def data_received(self, data: bytes) -> None:
        if self.left == 0:
            self.head += data
            head, found, rest = self.head.partition(b"\r\n\r\n")
            if not found:
                return
            lines = head.lower().split(b"\r\n")
            (length,) = [line for line in lines if line.startswith(b"content-length:")]
            self.left, self.head, data = int(length.split(b":")[1]), b"", rest
        self.left -= len(data)
        if self.left == 0:
            self.transport.write(REPLY)  # type: ignore[attr-defined]  # a stream's transport


async def serve_sink(folder: Path, tls: bool) -> None:
    """Until killed; the port is its first line of output."""
    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem")
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Sink, "127.0.0.1", 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


class CountedSource(FakeSource):
    """Offers the one file under many ids, and remembers when none is left."""

    async def acknowledged(self, batch_id: str, answer: object) -> None:
        del self.batches[batch_id]


async def drain_with_uploader(folder: Path, url: str, tls: bool) -> None:
    """The product's own way."""
    endpoint = check_endpoint(url, False)
    assert isinstance(endpoint, Endpoint)
    source = CountedSource(folder)
    for n in range(SEGMENTS):
        batch = SealedBatch(f"b{n}", Level.USAGE, folder / "segment", SEGMENT_BYTES, EVENTS)
        source.batches[batch.batch_id] = batch
    ca_file = folder / "ca.pem" if tls else None
    exporter = HttpExporter(endpoint, CollectorToken(configured="t"), ca_file=ca_file)
    uploader = Uploader(
        source=source, exporter=exporter, schedule=open_schedule(), clock=LoopClock()
    )
    async with asyncio.TaskGroup() as tasks:
        loop = tasks.create_task(uploader.run())
        result = await uploader.flush(300)
        loop.cancel()
    assert result.uploaded == SEGMENTS, result


def drain_with_http_client(folder: Path, port: int, tls: bool) -> None:
    """The standard library's blocking client with a file body."""
    import http.client

    if tls:
        context = ssl.create_default_context(cafile=folder / "ca.pem")
        client: http.client.HTTPConnection = http.client.HTTPSConnection(
            "127.0.0.1", port, context=context, blocksize=256 * 1024
        )
    else:
        client = http.client.HTTPConnection("127.0.0.1", port, blocksize=256 * 1024)
    for _ in range(SEGMENTS):
        with (folder / "segment").open("rb") as body:
            headers = {"Content-Length": str(SEGMENT_BYTES), "Content-Encoding": "gzip"}
            client.request("POST", "/api/v1/events", body, headers)
            assert client.getresponse().read() == ANSWER


def peak_rss_mb() -> float:
    """Of this program since its exec (getrusage would count the parent's before it), Linux only."""
    status = Path("/proc/self/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def contend(name: str, folder: Path, port: int, tls: bool) -> dict[str, float]:
    """Runs one contender in this process; its figures."""
    rss_before = peak_rss_mb()
    wall, cpu = time.perf_counter(), time.process_time()
    if name == "uploader":
        url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        asyncio.run(drain_with_uploader(folder, url, tls))
    else:

        async def in_thread() -> None:
            await asyncio.to_thread(drain_with_http_client, folder, port, tls)

        asyncio.run(in_thread())
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {
        "events_per_s": EVENTS * SEGMENTS / wall,
        "cpu_us_per_event": cpu * 1e6 / (EVENTS * SEGMENTS),
        "extra_rss_mb": peak_rss_mb() - rss_before,
    }


def measure() -> list[dict[str, object]]:
    """All contenders, plain and over TLS, one after the other."""
    import trustme

    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "segment").write_bytes(os.urandom(SEGMENT_BYTES))
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(folder / "ca.pem"))
        certificate = authority.issue_cert("127.0.0.1")
        certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
        for tls in (False, True):
            command = [sys.executable, __file__, "--folder", name, *(["--tls"] if tls else [])]
            with subprocess.Popen([*command, "--sink"], stdout=subprocess.PIPE, text=True) as sink:
                assert sink.stdout is not None
                port = sink.stdout.readline().strip()
                for contender in ("uploader", "http.client"):
                    asked = [*command, "--contender", contender, "--port", port]
                    done = subprocess.run(asked, check=True, capture_output=True, text=True)
                    way = "TLS" if tls else "plain"
                    rows.append({"client": contender, "way": way, **json.loads(done.stdout)})
                sink.terminate()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--sink", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--contender", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--tls", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.sink:
        asyncio.run(serve_sink(asked.folder, asked.tls))
    elif asked.contender:
        print(json.dumps(contend(asked.contender, asked.folder, asked.port, asked.tls)))
    elif asked.json:
        print(json.dumps(measure(), indent=1))
    else:
        print(f"{'client':<12}{'way':<7}{'M events/s':>11}{'µs CPU/event':>14}{'extra RSS MB':>14}")
        for row in measure():
            rate, cpu, rss = row["events_per_s"], row["cpu_us_per_event"], row["extra_rss_mb"]
            print(f"{row['client']:<12}{row['way']:<7}{rate / 1e6:>11.1f}{cpu:>14.3f}{rss:>14.1f}")  # type: ignore[operator]  # floats


if __name__ == "__main__":
    main()
