"""TLS to the collector: who is believed, who is not, and what a bad CA file says."""

import ssl
import warnings
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from sidespool.core.endpoint import Endpoint, check_endpoint
from sidespool.runtime.collector_token import CollectorToken
from sidespool.runtime.exporters.http import HttpExporter
from sidespool.runtime.tls import open_tls
from sidespool.wire.upload import Backoff, BackoffCause, Classification, Delivered
from support.fake_collector import FakeCollector
from support.upload_world import make_batch

LONG_AGO, LESS_LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC), datetime(2002, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


def server_context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@pytest.fixture
async def collector(authority: trustme.CA) -> AsyncIterator[FakeCollector]:
    async with FakeCollector(tls=server_context(authority.issue_cert("127.0.0.1"))) as running:
        yield running


async def send(url: str, folder: Path, ca_file: Path | None) -> Classification:
    endpoint = check_endpoint(url, False)
    assert isinstance(endpoint, Endpoint)
    exporter = HttpExporter(endpoint, CollectorToken(configured="t"), ca_file=ca_file)
    try:
        return await exporter.send(make_batch(folder, "batch"))
    finally:
        await exporter.aclose()


def tls_trouble(answer: Classification) -> str:
    assert isinstance(answer, Backoff), answer
    assert answer.cause is BackoffCause.TLS
    return answer.detail


async def test_a_private_authority_is_believed_where_its_file_is_named(
    collector: FakeCollector, tmp_path: Path, ca_file: Path
) -> None:
    assert isinstance(await send(collector.url, tmp_path, ca_file), Delivered)


async def test_a_private_authority_is_not_believed_by_itself(
    collector: FakeCollector, tmp_path: Path
) -> None:
    detail = tls_trouble(await send(collector.url, tmp_path, None))
    assert "certificate" in detail
    assert collector.requests == []


async def test_a_certificate_for_another_host_is_not_believed(
    authority: trustme.CA, tmp_path: Path, ca_file: Path
) -> None:
    tls = server_context(authority.issue_cert("other.example"))
    async with FakeCollector(tls=tls) as collector:
        detail = tls_trouble(await send(collector.url, tmp_path, ca_file))
        assert collector.requests == []
    assert "127.0.0.1" in detail


async def test_an_expired_certificate_is_not_believed(
    authority: trustme.CA, tmp_path: Path, ca_file: Path
) -> None:
    tls = server_context(
        authority.issue_cert("127.0.0.1", not_before=LONG_AGO, not_after=LESS_LONG_AGO)
    )
    async with FakeCollector(tls=tls) as collector:
        detail = tls_trouble(await send(collector.url, tmp_path, ca_file))
        assert collector.requests == []
    assert "expired" in detail


async def test_a_server_that_speaks_no_tls_is_a_tls_trouble(tmp_path: Path, ca_file: Path) -> None:
    async with FakeCollector() as plain:
        tls_trouble(await send(plain.url.replace("http:", "https:"), tmp_path, ca_file))


async def test_a_server_that_knows_only_old_tls_is_refused(
    authority: trustme.CA, tmp_path: Path, ca_file: Path
) -> None:
    tls = server_context(authority.issue_cert("127.0.0.1"))
    tls.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that is what this server is for
        tls.minimum_version = ssl.TLSVersion.TLSv1
        tls.maximum_version = ssl.TLSVersion.TLSv1_1
    async with FakeCollector(tls=tls) as collector:
        tls_trouble(await send(collector.url, tmp_path, ca_file))
        assert collector.requests == []


def test_the_context_verifies_and_starts_at_1_2(ca_file: Path) -> None:
    for context in (open_tls(None), open_tls(ca_file)):
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname


@pytest.mark.parametrize(
    ("content", "says"), [(None, "No such file"), (b"", "PEM"), (b"\xff\x00 no pem", "PEM")]
)
async def test_a_ca_file_that_cannot_be_used_is_a_state_that_heals_with_the_file(
    collector: FakeCollector, tmp_path: Path, ca_file: Path, content: bytes | None, says: str
) -> None:
    named = tmp_path / "named.pem"
    if content is not None:
        named.write_bytes(content)
    endpoint = check_endpoint(collector.url, False)
    assert isinstance(endpoint, Endpoint)
    exporter = HttpExporter(endpoint, CollectorToken(configured="t"), ca_file=named)
    batch = make_batch(tmp_path, "batch")
    answer = await exporter.send(batch)
    assert isinstance(answer, Backoff)
    assert answer.cause is BackoffCause.SETTING
    assert "TELEMETRY_CA_FILE" in answer.detail
    assert says in answer.detail
    named.write_bytes(ca_file.read_bytes())
    assert isinstance(await exporter.send(batch), Delivered)
    await exporter.aclose()
