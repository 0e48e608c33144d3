"""Where this collector is, as others reach it."""

from aiohttp import web

from sidespool_collector.web.context import Collector


def own_url(collector: Collector, request: web.Request) -> str:
    """As configured, or as listened; never what a client claims."""
    if collector.settings.public_url:
        return collector.settings.public_url.rstrip("/")
    sockname = request.transport.get_extra_info("sockname") if request.transport else None
    host, port = sockname[:2] if sockname else (collector.settings.host, collector.settings.port)
    scheme = "https" if collector.settings.tls_cert else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
