"""Says what a failed request means, from aiohttp's exceptions; imported with aiohttp only.

Sentences are made here and not taken from the exceptions: those repeat addresses, and a proxy's
address holds a password.
"""

import asyncio
import os

import aiohttp

from sidespool.wire.upload import Backoff, BackoffCause, Captive


def failure_of(error: Exception) -> Backoff | Captive:
    """The classification of a request that ended in `error`."""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        cause = BackoffCause.PROXY_AUTH if error.status == 407 else BackoffCause.PROXY
        return Backoff(f"the proxy answered {error.status}", cause)
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return Backoff(_system(error.os_error), BackoffCause.PROXY)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return Backoff("unknown host", BackoffCause.DNS)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return Backoff(_certificate(error.certificate_error), BackoffCause.TLS)
    if isinstance(error, aiohttp.ClientConnectorSSLError) or _cut_in_handshake(error):
        return Backoff("the TLS handshake failed", BackoffCause.TLS)
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return Backoff("no connection in time", BackoffCause.NETWORK)
    if isinstance(error, asyncio.TimeoutError):
        return Backoff("no complete answer in time", BackoffCause.TIMEOUT)
    if isinstance(error, aiohttp.ClientResponseError):
        return Captive("the answer is not HTTP")
    if isinstance(error, aiohttp.InvalidURL | ValueError):
        return Backoff("the address cannot be used", BackoffCause.SETTING)
    if isinstance(error, OSError):
        return Backoff(_system(error), BackoffCause.NETWORK)
    return Backoff("the connection was closed before an answer", BackoffCause.NETWORK)


def _cut_in_handshake(error: Exception) -> bool:
    """asyncio's own reset, without a number: the peer hung up while TLS was being agreed on."""
    return (
        isinstance(error, aiohttp.ClientConnectorError)
        and isinstance(error.os_error, ConnectionResetError)
        and error.os_error.errno is None
    )


def _system(error: OSError) -> str:
    return os.strerror(error.errno).lower() if error.errno and error.errno > 0 else "no connection"


def _certificate(error: Exception) -> str:
    return getattr(error, "verify_message", "") or "the certificate cannot be verified"
