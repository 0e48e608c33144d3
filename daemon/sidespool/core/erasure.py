"""A deletion request from the user's word to the receipt: patient, and never given up.

    queued --sent--> accepted --followed up--> erased
       \\--failed--> queued (later)     \\--not yet, or failed--> accepted (later)
    queued --taken by the exporter--> handed_over          (way `event`)
    waiting_for_mail                                       (way `email:ADDRESS`)

A request for `email` waits for the user, who sends the prepared mail; nothing else is known of it.
A request as an event goes through the exporter, one event for each id, to a receiver that is no
collector of ours: it confirms that it took the events, and nobody can ask it what came of them.
Requests are exempt from quotas and from the level: they are the only thing ever sent while off.
"""

import re
from typing import Literal
from urllib.parse import quote

import msgspec

from sidespool.core.upload_policy import backoff_s
from sidespool.wire.event import format_time, uuid7

_UUID = re.compile(rb"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
DELETION_EVENT = "DeletionRequest"

FOLLOW_UP_S = (5.0, 30.0, 300.0, 3_600.0)  # then daily: the collector's own work takes a while
FOLLOW_UP_LATER_S = 86_400.0

Word = Literal["queued", "accepted", "erased", "handed_over", "waiting_for_mail"]


class Erasure(msgspec.Struct):
    """What is written to `deletion/<request_id>.json`; times are Unix milliseconds."""

    request_id: str
    user_ids: list[str]
    requested_ms: int
    way: str = "http"
    state: Word = "queued"
    receipt: str = ""
    tries: int = 0
    next_ms: int = 0
    finished_ms: int = 0
    problem: str = ""
    counts: dict[str, int] = {}

    def on_sent(self, receipt: str, now_ms: int) -> None:
        """The collector took the request."""
        self.state, self.receipt, self.problem = "accepted", receipt, ""
        self.tries = 0
        self.next_ms = now_ms + int(FOLLOW_UP_S[0] * 1000)

    def on_failed(self, problem: str, now_ms: int, dice: float) -> None:
        """No answer, or none that helps: again later."""
        self.tries += 1
        self.problem = problem
        self.next_ms = now_ms + int(backoff_s(self.tries, dice) * 1000)

    def on_followed(self, state: str, counts: dict[str, int], now_ms: int) -> None:
        """The collector told how far it is."""
        self.problem = ""
        if state == "erased":
            self.state, self.counts, self.finished_ms = "erased", counts, now_ms
            return
        wait = FOLLOW_UP_S[self.tries] if self.tries < len(FOLLOW_UP_S) else FOLLOW_UP_LATER_S
        self.tries += 1
        self.next_ms = now_ms + int(wait * 1000)

    def on_handed_over(self, now_ms: int) -> None:
        """The exporter took the request; there is nobody to follow up with."""
        self.state, self.problem, self.finished_ms = "handed_over", "", now_ms

    @property
    def open(self) -> bool:
        """Whether there is still something to send or to ask."""
        return self.state in ("queued", "accepted")


def mail_of(request: Erasure, app_id: str) -> str:
    """The link that opens a prepared mail, or "" for another way."""
    kind, _, address = request.way.partition(":")
    return mailto(address, request.user_ids, app_id) if kind == "email" else ""


def request_events(request: Erasure, app_id: str) -> list[bytes]:
    """The request as events, one for each id, in the form in which events are sent.

    Not in the catalog: no client may emit them, no level forbids them, no spool holds them.
    """
    return [
        msgspec.json.encode(
            {
                "event_id": uuid7(request.requested_ms, place, _low_bits(request.request_id)),
                "event_type": DELETION_EVENT,
                "timestamp": format_time(request.requested_ms),
                "session_id": request.request_id,
                "user_id": user_id,
                "app_id": app_id,
                "app_version": "0",
                "os": "other",
                "seq": place,
                "payload": {"user_id": user_id, "request_id": request.request_id},
            }
        )
        for place, user_id in enumerate(request.user_ids)
    ]


def _low_bits(request_id: str) -> int:
    return int(request_id.replace("-", "")[-15:], 16)


class Unfinished(msgspec.Struct):
    """What is written to `reset.json` before a reset touches anything; its end removes it."""

    request_id: str
    user_ids: list[str]
    requested_ms: int


def mailto(address: str, user_ids: list[str], app_id: str) -> str:
    """A prefilled mail that asks for deletion."""
    subject = f"Delete my usage data of {app_id}"
    body = "Please delete everything that belongs to these ids:\n" + "\n".join(user_ids)
    return f"mailto:{address}?subject={quote(subject)}&body={quote(body)}"


def decode_erasure(raw: bytes) -> Erasure | None:
    """A request, or None for bytes that are none."""
    try:
        return msgspec.json.decode(raw, type=Erasure)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def salvage_ids(raw: bytes, request_id: str) -> list[str]:
    """The ids that can still be read in a damaged request; asking for one too many harms nobody."""
    found = dict.fromkeys(match.decode() for match in _UUID.findall(raw))
    found.pop(request_id, None)
    return list(found)


def decode_unfinished(raw: bytes) -> Unfinished | None:
    """A reset that was begun, or None for bytes that are none."""
    try:
        return msgspec.json.decode(raw, type=Unfinished)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


class Taken(msgspec.Struct):
    """The collector's answer to a request."""

    receipt: str


class Progress(msgspec.Struct):
    """The collector's answer to a follow-up."""

    state: str
    erased: dict[str, int] = {}


def read_taken(status: int, body: bytes) -> Taken | str:
    """The receipt, or what is wrong."""
    if status not in (200, 202):
        return f"the collector answered {status}"
    try:
        return msgspec.json.decode(body, type=Taken)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return "the answer is not a collector's"


def read_progress(status: int, body: bytes) -> Progress | str:
    """How far it is, or what is wrong."""
    if status != 200:
        return f"the collector answered {status}"
    try:
        return msgspec.json.decode(body, type=Progress)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return "the answer is not a collector's"
