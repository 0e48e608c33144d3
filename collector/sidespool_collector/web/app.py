"""The application: which path leads to which handler."""

from aiohttp import web

from sidespool_collector.web import (
    alerts,
    attachments,
    charts,
    deletion,
    events,
    export,
    hours,
    noise,
    otlp,
    pages,
    service,
    sign_in,
    sign_in_oidc,
    sql,
)
from sidespool_collector.web.context import COLLECTOR, Collector
from sidespool_collector.web.guard import add_headers, guard

ROUTES = (
    web.post("/api/v1/events", events.post_events),
    web.post("/api/v1/attachments/{event_id}", attachments.post_attachment),
    web.post("/api/v1/deletion", deletion.post_deletion),
    web.get("/api/v1/deletion/{receipt}", deletion.get_deletion),
    web.get("/api/v1/export", export.get_export),
    web.get("/api/v1/metrics/{name}", charts.get_chart),
    web.get("/api/v1/noise", noise.get_noise),
    web.get("/api/v1/hours", hours.get_hours),
    web.get("/api/v1/alerts", alerts.get_alerts),
    web.post("/api/v1/silences", alerts.post_silence),
    web.delete("/api/v1/silences/{id}", alerts.delete_silence),
    web.get("/api/v1/health", service.get_health),
    web.get("/api/v1/openapi.json", service.get_openapi),
    web.get("/metrics", service.get_prometheus),
    web.post("/api/v1/sql", sql.post_sql),
    web.get("/sql", sql.get_sql_page),
    web.post("/sql", sql.post_sql_page),
    web.post("/v1/logs", otlp.post_logs),
    web.get("/", pages.get_dashboard),
    web.post("/errors/{group}", pages.post_error_status),
    web.get("/login", sign_in.get_login),
    web.post("/login", sign_in.post_login),
    web.get("/login/oidc", sign_in_oidc.get_leave),
    web.get("/login/oidc/callback", sign_in_oidc.get_callback),
    web.post("/logout", sign_in.post_logout),
    web.get("/static/{name:[a-z0-9._/-]+}", pages.get_static),
)


def build_app(collector: Collector) -> web.Application:
    """An application around one collector's parts."""
    app = web.Application(middlewares=[guard], client_max_size=64 * 1024)
    app[COLLECTOR] = collector
    app.add_routes(ROUTES)
    app.on_response_prepare.append(add_headers)
    return app
