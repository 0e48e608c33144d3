"""Real ClickHouse servers for tests: one alone, or three replicas with their ZooKeeper."""

import functools
import http.client
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

SERVER = Path("/usr/sbin/clickhouse-server")
JARS = Path("/usr/share/java")
MEMORY = Path("/dev/shm")  # where there is one, tests need no disk
START_S = 60.0
DOES_NOT_ANSWER = (OSError, http.client.HTTPException)

CONFIG = """<yandex>
  <logger><level>warning</level><log>{home}/log</log><errorlog>{home}/errors</errorlog></logger>
  <http_port>{http}</http_port><tcp_port>{tcp}</tcp_port>
  <interserver_http_port>{between}</interserver_http_port>
  <interserver_http_host>127.0.0.1</interserver_http_host>
  <listen_host>127.0.0.1</listen_host>
  <path>{home}/data/</path><tmp_path>{home}/tmp/</tmp_path>
  <user_files_path>{home}/files/</user_files_path>
  <format_schema_path>{home}/formats/</format_schema_path>
  <users_config>users.xml</users_config>
  <default_profile>default</default_profile><default_database>default</default_database>
  <timezone>UTC</timezone><mark_cache_size>104857600</mark_cache_size>
  <max_concurrent_queries>100</max_concurrent_queries><keep_alive_timeout>30</keep_alive_timeout>
  <compression><case><min_part_size>0</min_part_size>
  <min_part_size_ratio>0</min_part_size_ratio><method>zstd</method></case></compression>
  {more}
</yandex>"""
USERS = """<yandex>
  <profiles><default><max_memory_usage>2000000000</max_memory_usage></default></profiles>
  <users><default><password></password><networks><ip>::/0</ip></networks>
  <profile>default</profile><quota>default</quota></default></users>
  <quotas><default></default></quotas>
</yandex>"""


@functools.cache
def missing() -> str:
    """What this machine lacks, or nothing: Debian's packages clickhouse-server and zookeeper."""
    if not SERVER.exists():
        return "ClickHouse is not installed (Debian package clickhouse-server)"
    return ""


@functools.cache
def missing_cluster() -> str:
    """What a cluster needs besides."""
    if missing():
        return missing()
    if not (JARS / "zookeeper.jar").exists() or shutil.which("java") is None:
        return "ZooKeeper is not installed (Debian package zookeeper)"
    return ""


def room() -> Path | None:
    """Where the tests' databases lie: in memory where that can be."""
    return MEMORY if os.access(MEMORY, os.W_OK) else None


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on now, below those of outgoing connections."""
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(15_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found


class ClickHouse:
    """One server in its own directory."""

    def __init__(self, ports: list[int], more: str = "", place: Path | None = None) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="sidespool-ch-", dir=place or room()))
        self.port, tcp, between = ports
        config = CONFIG.format(home=self.home, http=self.port, tcp=tcp, between=between, more=more)
        (self.home / "config.xml").write_text(config)
        (self.home / "users.xml").write_text(USERS)
        self._child: subprocess.Popen[bytes] | None = None
        self._count = 0

    def start(self) -> None:
        """Begins to start; `wait` returns when it answers."""
        with (self.home / "output").open("ab") as output:
            self._child = subprocess.Popen(
                [str(SERVER), f"--config-file={self.home / 'config.xml'}"],
                cwd=self.home, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip

    def wait(self) -> None:
        """Returns when it answers."""
        ends = time.monotonic() + START_S
        while not self.answers():
            assert self._child is not None
            assert self._child.poll() is None, (self.home / "output").read_text()[-2000:]
            assert time.monotonic() < ends, "ClickHouse does not start"
            time.sleep(0.05)

    def answers(self) -> bool:
        """Whether it answers now."""
        try:
            return self.ask("SELECT 1") == "1\n"
        except DOES_NOT_ANSWER:
            return False

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._child is not None
        return self._child.pid

    def kill(self) -> None:
        """As a crash does it."""
        assert self._child is not None
        self._child.send_signal(signal.SIGKILL)
        self._child.wait()

    def remove(self) -> None:
        """Ends it for good."""
        if self._child is not None:
            self.kill()
            self._child = None
        shutil.rmtree(self.home, ignore_errors=True)

    def ask(self, query: str, database: str = "default") -> str:
        """The answer's text."""
        return self._post({"database": database}, query.encode())

    def insert(self, statement: str, rows: bytes) -> None:
        """Adds rows in the statement's format."""
        self._post({"query": statement}, rows)

    def _post(self, parameters: dict[str, str], body: bytes) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("POST", "/?" + urllib.parse.urlencode(parameters), body)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        assert answer.status == 200, text
        return text

    def new_database(self) -> str:
        """The URL of an empty database."""
        self._count += 1
        return f"clickhouse://default@127.0.0.1:{self.port}/test_{self._count}"


def running() -> Iterator[ClickHouse]:
    """For a fixture: one server."""
    server = started()
    try:
        yield server
    finally:
        server.remove()


def started(tries: int = 3) -> ClickHouse:
    """A port that was free may be taken a moment later: then others are tried."""
    for attempt in range(tries):
        server = ClickHouse(free_ports(3))
        server.start()
        try:
            server.wait()
        except AssertionError:
            server.remove()
            if attempt == tries - 1:
                raise
        else:
            return server
    raise AssertionError("the last try returns or raises")


class ZooKeeper:
    """One in a small JVM, in memory: what the replicas agree by."""

    def __init__(self, port: int) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="sidespool-zk-", dir=room()))
        self.port = port
        config = f"dataDir={self.home}\nclientPort={port}\nclientPortAddress=127.0.0.1\n"
        config += "tickTime=500\nmaxClientCnxns=0\n4lw.commands.whitelist=srvr\n"
        config += "admin.enableServer=false\n"
        (self.home / "zoo.cfg").write_text(config)
        command = [
            "java", "-Xms24m", "-Xmx96m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
            "-Xshare:auto", "-Dzookeeper.jmx.log4j.disable=true",
            "-Dzookeeper.forceSync=no", "-cp", str(JARS / "zookeeper.jar"),
            "org.apache.zookeeper.server.ZooKeeperServerMain", str(self.home / "zoo.cfg"),
        ]  # fmt: skip
        with (self.home / "output").open("wb") as output:
            self.child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip

    def wait(self) -> None:
        """Returns when it listens."""
        ends = time.monotonic() + START_S
        while True:
            assert self.child.poll() is None, "ZooKeeper ended"
            assert time.monotonic() < ends, "ZooKeeper does not start"
            if b"Mode: standalone" in self._says():
                return
            time.sleep(0.05)

    def _says(self) -> bytes:
        """It listens for a while before it serves."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.sendall(b"srvr")
                return connection.makefile("rb").read()
        except OSError:
            return b""

    def remove(self) -> None:
        """Ends it for good."""
        self.child.kill()
        self.child.wait()
        shutil.rmtree(self.home, ignore_errors=True)


class Cluster:
    """Three replicas of one shard, `team` to themselves."""

    name = "team"

    def __init__(self, size: int = 3, place: Path | None = None) -> None:
        ports = free_ports(3 * size + 1)
        self.keeper = ZooKeeper(ports.pop())
        self.nodes: list[ClickHouse] = []
        self._count = 0
        replicas = "".join(
            f"<replica><host>127.0.0.1</host><port>{ports[3 * n + 1]}</port></replica>"
            for n in range(size)
        )
        for n in range(size):
            more = (
                f"<zookeeper><node><host>127.0.0.1</host><port>{self.keeper.port}</port></node>"
                "<session_timeout_ms>2000</session_timeout_ms></zookeeper>"
                f"<macros><shard>one</shard><replica>r{n}</replica></macros>"
                f"<remote_servers><{self.name}><shard>"
                f"<internal_replication>true</internal_replication>{replicas}"
                f"</shard></{self.name}></remote_servers>"
                "<distributed_ddl><path>/clickhouse/ddl</path></distributed_ddl>"
            )
            self.nodes.append(ClickHouse(ports[3 * n : 3 * n + 3], more, place))

    def start(self) -> None:
        """Returns when all answer."""
        self.keeper.wait()
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            node.wait()

    def remove(self) -> None:
        """Ends it for good."""
        for node in self.nodes:
            node.remove()
        self.keeper.remove()

    def new_database(self) -> str:
        """A name for a database that is not there yet."""
        self._count += 1
        return f"test_{self._count}"

    def url(self, database: str, *order: int, quorum: int = 0) -> str:
        """The store's URL, naming all nodes or those given, in that order."""
        hosts = ",".join(f"127.0.0.1:{self.nodes[n].port}" for n in order or range(len(self.nodes)))
        end = f"&quorum={quorum}" if quorum else ""
        return f"clickhouse://default@{hosts}/{database}?cluster={self.name}{end}"


def running_cluster() -> Iterator[Cluster]:
    """For a fixture: three replicas."""
    cluster = started_cluster()
    try:
        yield cluster
    finally:
        cluster.remove()


def started_cluster(tries: int = 3) -> Cluster:
    """A port that was free may be taken a moment later: then others are tried."""
    for attempt in range(tries):
        cluster = Cluster()
        try:
            cluster.start()
        except AssertionError:
            cluster.remove()
            if attempt == tries - 1:
                raise
        else:
            return cluster
    raise AssertionError("the last try returns or raises")
