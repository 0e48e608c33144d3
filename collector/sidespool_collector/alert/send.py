"""Sends a notice: HTTP for webhooks and Slack, SMTP for mail. Raises SendError, never hangs."""

import asyncio
import os
import smtplib
import ssl

import aiohttp

from sidespool_collector.alert.machine import Notice
from sidespool_collector.alert.message import (
    SIGNATURE_HEADER,
    mail_of,
    signature_of,
    slack_body,
    webhook_body,
)  # fmt: skip
from sidespool_collector.alert.rule import Destination, Email, Slack, Webhook

ANSWER_S = 15.0
PORTS = {"starttls": 587, "tls": 465, "none": 25}


class SendError(Exception):
    """The destination did not take it; the message says why, without secrets."""


async def send(notice: Notice, destination: Destination, dashboard: str) -> None:
    """Returns when the destination has taken the notice."""
    try:
        async with asyncio.timeout(2 * ANSWER_S):
            if isinstance(destination, Email):
                await asyncio.to_thread(_mail, notice, destination, dashboard)
            else:
                await _post(notice, destination, dashboard)
    except TimeoutError:
        raise SendError("no answer in time") from None


async def _post(notice: Notice, destination: Webhook | Slack, dashboard: str) -> None:
    headers = {"Content-Type": "application/json", "User-Agent": "sidespool-collector"}
    if isinstance(destination, Slack):
        body = slack_body(notice, dashboard)
    else:
        body = webhook_body(notice, dashboard)
        if destination.secret_env:
            secret = os.environ.get(destination.secret_env, "")
            headers[SIGNATURE_HEADER] = signature_of(secret, body)
    url = destination.url or os.environ.get(destination.url_env, "")
    timeout = aiohttp.ClientTimeout(total=ANSWER_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=True) as client,
            client.post(url, data=body, headers=headers, allow_redirects=False) as answer,
        ):
            if not 200 <= answer.status < 300:
                raise SendError(f"answered {answer.status}")
    except (aiohttp.ClientError, ValueError, OSError) as error:
        raise SendError(type(error).__name__) from None  # its text may hold the URL's secret


def _mail(notice: Notice, destination: Email, dashboard: str) -> None:
    mail = mail_of(notice, destination.sender, destination.to, dashboard)
    port = destination.port or PORTS[destination.security]
    tls = ssl.create_default_context(cafile=destination.ca_file or None)
    try:
        if destination.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                destination.host, port, timeout=ANSWER_S, context=tls
            )
        else:
            server = smtplib.SMTP(destination.host, port, timeout=ANSWER_S)
        with server:
            if destination.security == "starttls":
                server.starttls(context=tls)
            if destination.user:
                server.login(destination.user, os.environ.get(destination.password_env, ""))
            server.send_message(mail)
    except smtplib.SMTPResponseException as error:
        raise SendError(f"SMTP server answered {error.smtp_code}") from None
    except (smtplib.SMTPException, OSError) as error:
        raise SendError(f"SMTP: {type(error).__name__}") from None
