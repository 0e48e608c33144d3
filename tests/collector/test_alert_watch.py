"""Alerts from a stored event to a real receiver: HTTP, Slack's form, SMTP; over restarts."""

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from sidespool_collector.alert.machine import Notice, Told
from sidespool_collector.alert.message import signature_of
from sidespool_collector.alert.rule import HOUR_MS, AlertPlan, Destination, Email, parse_plan
from sidespool_collector.alert.send import SendError, send
from sidespool_collector.alert.silence import add_silence, load_desk
from sidespool_collector.alert.watch import AlertWatch
from support.collector_world import World, event, lines
from support.receivers import Hook, hook, mailbox

StartWorld = Callable[..., Awaitable[World]]
RULES = """
every = "1s"
[destinations.hook]
kind = "webhook"
url = "{url}"
secret_env = "HOOK_SECRET"
[destinations.chat]
kind = "slack"
url = "{url}"
[[rules]]
name = "errors"
metric = "errors.errors"
above = 2
clear = "0s"
to = ["hook"]
[[rules]]
name = "new errors"
kind = "new_error"
to = ["chat"]
"""


@pytest.fixture
async def receiver(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hook]:
    monkeypatch.setenv("HOOK_SECRET", "s3cret")
    async with hook() as found:
        yield found


def error(n: int, message: str = "no <b>{STRING}</b>") -> dict[str, Any]:
    payload = {"error_type": "TypeError", "message": message}
    return event(n, at_ms=int(time.time() * 1000) - n, kind="Error", payload=payload)


async def test_an_error_reaches_a_webhook_and_a_chat(
    start_world: StartWorld, store_url: str, receiver: Hook, tmp_path: Path
) -> None:
    rules = tmp_path / "alerts.toml"
    rules.write_text(RULES.format(url=receiver.url))
    world = await start_world(
        store=store_url, alerts_file=rules, public_url="https://telemetry.example.org"
    )
    await world.send(lines(*(error(n) for n in range(3))))
    await receiver.count(2)
    found = {
        "text" in json.loads(b): (b, h)
        for b, h in zip(receiver.bodies, receiver.headers, strict=True)
    }
    body, headers = found[False]
    told = json.loads(body)
    assert headers["X-Sidespool-Signature"] == signature_of("s3cret", body)
    assert told["dashboard"] == "https://telemetry.example.org"
    (change,) = told["changes"]
    assert (change["rule"], change["change"], change["value"]) == ("errors", "firing", 3)
    text = json.loads(found[True][0])["text"]
    assert "TypeError: no &lt;b&gt;{STRING}&lt;/b&gt; is new, 3 times in 1.2.3" in text
    status = await world.get_json("/api/v1/alerts")
    assert [(r["name"], r["state"]) for r in status["rules"]] == [
        ("errors", "firing"), ("new errors", "firing"),
    ]  # fmt: skip
    async with world.client.get(world.url, headers=world.auth("read")) as page:
        assert "2 alerts firing" in await page.text()


async def test_silences_are_for_admins_and_are_in_the_audit_log(world: World) -> None:
    url = f"{world.url}/api/v1/silences"
    wanted = {"rule": "err*", "hours": 2, "reason": "known"}
    async with world.client.post(url, json=wanted, headers=world.auth("read")) as got:
        assert got.status == 403
    async with world.client.post(url, json=wanted, headers=world.auth("admin")) as got:
        assert got.status == 201
        made = await got.json()
    (shown,) = (await world.get_json("/api/v1/alerts"))["silences"]
    assert (shown["id"], shown["rule"], shown["who"]) == (made["id"], "err*", "admin")
    for status in (200, 404):
        async with world.client.delete(f"{url}/{made['id']}", headers=world.auth("admin")) as got:
            assert got.status == status
    assert [a.act for a in await world.store.audit(2)] == ["silence ended", "silence"]
    async with world.client.post(url, json={"rule": "x"}, headers=world.auth("admin")) as got:
        assert got.status == 400


class Scene:
    """A watch with a clock and a sender of the test's own, over a real store."""

    def __init__(self, world: World, path: Path) -> None:
        self.now = int(time.time() * 1000)
        self.sent: list[Notice] = []
        self.problems: list[str] = []
        self.world = world
        self.path = path
        path.write_text(RULES.format(url="http://127.0.0.1:1/"))

    def watch(self) -> AlertWatch:
        return AlertWatch(
            self.world.store, self.path, {"Error"}, "", lambda: self.now, self.send
        )  # fmt: skip

    async def send(self, notice: Notice, _: Destination, __: str) -> None:
        if self.problems:
            raise SendError(self.problems.pop(0))
        self.sent.append(notice)

    def changes(self) -> list[tuple[str, str]]:
        found = [(t.rule, t.change) for notice in self.sent for t in notice.changes]
        self.sent.clear()
        return found


@pytest.fixture
def scene(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setenv("HOOK_SECRET", "s")
    return Scene(world, tmp_path / "alerts.toml")


async def test_a_restart_tells_nothing_twice_and_forgets_no_end(scene: Scene) -> None:
    await scene.world.send(lines(*(error(n) for n in range(3))))
    watch = scene.watch()
    await watch.work()
    assert scene.changes() == [("errors", "firing"), ("new errors", "firing")]
    scene.now += 60_000
    again = scene.watch()
    await again.work()
    assert scene.changes() == [], "the first one holds the lease"
    scene.now += 60_000
    await again.work()
    assert scene.changes() == []
    scene.now += 5 * HOUR_MS
    await again.work()
    assert scene.changes() == [("errors", "resolved")]


async def test_a_receiver_that_is_away_gets_it_later(scene: Scene) -> None:
    await scene.world.send(lines(*(error(n) for n in range(3))))
    scene.problems = ["away", "away"]
    watch = scene.watch()
    await watch.work()
    assert scene.changes() == []
    desk = await load_desk(scene.world.store)
    assert len(desk.outbox) == 2
    assert desk.last["hook"].problem == "away"
    scene.now += 5_000
    await watch.work()
    assert sorted(scene.changes()) == [("errors", "firing"), ("new errors", "firing")]
    assert (await load_desk(scene.world.store)).outbox == []


async def test_a_silence_from_the_command_line_holds_in_the_server(scene: Scene) -> None:
    await add_silence(scene.world.store, "*", scene.now + HOUR_MS, "me", "", scene.now)
    await scene.world.send(lines(*(error(n) for n in range(3))))
    await scene.watch().work()
    assert scene.changes() == []


async def test_a_bad_edit_keeps_the_rules_and_says_so(scene: Scene) -> None:
    watch = scene.watch()
    watch.load()
    scene.path.write_text("rules = 7")
    await watch.work()
    assert watch.plan is not None
    assert len(watch.plan.rules) == 2
    assert "COLLECTOR_ALERTS_FILE" in watch.problem
    scene.path.write_text(RULES.format(url="http://127.0.0.1:1/x"))
    await watch.work()
    assert watch.problem == ""


async def test_a_change_against_last_week_is_measured_in_whole_hours(scene: Scene) -> None:
    scene.path.write_text(
        RULES.format(url="http://127.0.0.1:1/").replace(
            "above = 2", 'kind = "change"\nabove = 100\nat_least = 2'
        )
    )
    hour = scene.now - scene.now % HOUR_MS
    week = 7 * 24 * HOUR_MS
    moments = [hour - 1000 - n for n in range(7)] + [hour - week - 1000 - n for n in range(3)]
    events = [
        event(n, at_ms=at, kind="Error", payload={"error_type": "E", "message": "m"})
        for n, at in enumerate(moments)
    ]
    await scene.world.send(lines(*events))
    await scene.watch().work()
    texts = {t.rule: t.text for notice in scene.sent for t in notice.changes}
    assert "is 7, +133 % against last week's 3" in texts["errors"]
    assert "new errors" not in texts, "it was there a week ago"


NOTICE = Notice(
    "mail",
    1_790_000_000_000,
    [Told("Füße\n", "", "firing", 7, "7 of\r\nBcc: x", 1_789_000_000_000)],
)


async def test_mail_goes_over_starttls_with_a_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("MAIL_PASSWORD", "pass word")
    with mailbox(context) as box:
        place = Email(
            to=["a@example.org", "b@example.org"], sender="t@example.org", host="127.0.0.1",
            port=box.port, user="u", password_env="MAIL_PASSWORD",
            ca_file=str(tmp_path / "ca.pem"),
        )  # fmt: skip
        await send(NOTICE, place, "https://x.example.org")
        assert box.logins == [(b"u", b"pass word")]
    (mail,) = box.mails
    assert box.is_secure == [True]
    assert mail["To"] == "a@example.org, b@example.org"
    assert mail["Bcc"] is None
    assert "Füße" in mail["Subject"]
    assert "7 of Bcc: x" in mail.get_content()


async def test_a_server_without_tls_is_only_used_where_the_file_says_so() -> None:
    with mailbox() as box:
        place = Email(to=["a@x.org"], sender="t@x.org", host="127.0.0.1", port=box.port)
        with pytest.raises(SendError, match="SMTP"):
            await send(NOTICE, place, "")
        plain = Email(
            to=["a@x.org"], sender="t@x.org", host="127.0.0.1", port=box.port, security="none"
        )  # fmt: skip
        await send(NOTICE, plain, "")
        assert len(box.mails) == 1


async def test_a_refusal_names_no_secret(receiver: Hook) -> None:
    receiver.statuses = [302]
    plan: AlertPlan = parse_plan(RULES.format(url=receiver.url + "?key=hidden"))
    with pytest.raises(SendError) as caught:
        await send(NOTICE, plan.destinations["chat"], "")
    assert str(caught.value) == "answered 302"
    gone = parse_plan(RULES.format(url="http://127.0.0.1:1/?key=hidden"))
    with pytest.raises(SendError) as caught:
        await asyncio.wait_for(send(NOTICE, gone.destinations["hook"], ""), 30)
    assert "hidden" not in str(caught.value)
