"""Decides the effective level: the minimum over layers, each of which can only lower.

Layers, in the order in which `status` names them:

| layer | says |
|---|---|
| `administrator` | the policy file's level |
| `do_not_track` | `off` where DO_NOT_TRACK is set |
| `feature` | `off` where the application's author has switched the feature off |
| `app_settings` | the app's toggle, level and full-content switch |
| `consent` | the user's recorded decision; without one, what the consent model presumes |
| `encryption` | `usage` where all others allow `full` and it could not be encrypted on disk |

The layer with the least level decides; among equals the first. `full` needs the app's
full-content switch, and a recorded decision to grant covers what it named, up to `full`.

A new policy version asks again: until the user answers, an old yes keeps covering what it covered
under `opt_out`, and nothing under `opt_in`; an old no stays a no.
"""

from typing import Literal

import msgspec

from sidespool.wire.level import LEVEL_BY_LABEL, Level

ConsentModel = Literal["opt_out", "opt_in"]


class ConsentRecord(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One dated decision; `door` is how it came in, such as `renderer`, `cli` or `reset`."""

    decision: Literal["granted", "denied"]
    at: str
    level: str = "full"
    policy_version: str = ""
    door: str = ""


class AppSettings(msgspec.Struct, frozen=True):
    """The app's own settings; None is "not set"."""

    enabled: bool | None = None
    full_content: bool | None = None
    level: Level = Level.USAGE


class Policy(msgspec.Struct, frozen=True):
    """The administrator's word; `level` None is "no policy", `problem` why a file forbids all."""

    level: Level | None
    problem: str = ""


class Inputs(msgspec.Struct, frozen=True):
    """All that the decision depends on."""

    app: AppSettings = AppSettings()
    administrator: Policy = Policy(None)
    do_not_track: bool = False
    feature: bool = True
    model: ConsentModel = "opt_out"
    record: ConsentRecord | None = None
    policy_version: str = ""
    vault_problem: str = ""


class Say(msgspec.Struct, frozen=True):
    """What one layer allows, and why, as a sentence for a person."""

    layer: str
    level: Level
    because: str


class Verdict(msgspec.Struct, frozen=True):
    """The effective level, the layer that decided it, and every layer's say.

    `consented` is the level without the encryption's say: what may be kept, even where no more of
    it may be taken in.
    """

    level: Level
    decided_by: str
    because: str
    layers: tuple[Say, ...]
    must_ask: bool
    consented: Level = Level.OFF


def decide(inputs: Inputs) -> Verdict:
    """The effective level."""
    layers: tuple[Say, ...] = (
        _administrator(inputs),
        _do_not_track(inputs),
        _feature(inputs),
        _app_settings(inputs.app),
        _consent(inputs),
    )
    lowest = min(layers, key=lambda say: say.level)
    consented = lowest.level
    if consented is Level.FULL and inputs.vault_problem:
        # Not a withdrawal: nothing is deleted because a keychain is locked today.
        lowest = Say("encryption", Level.USAGE, inputs.vault_problem)
        layers = (*layers, lowest)
    must_ask = _must_ask(inputs)
    return Verdict(lowest.level, lowest.layer, lowest.because, layers, must_ask, consented)


def _administrator(inputs: Inputs) -> Say:
    policy = inputs.administrator
    if policy.level is None:
        return Say("administrator", Level.FULL, "no administrator policy")
    because = policy.problem or f"the administrator allows {policy.level.label} at most"
    return Say("administrator", policy.level, because)


def _do_not_track(inputs: Inputs) -> Say:
    if inputs.do_not_track:
        return Say("do_not_track", Level.OFF, "DO_NOT_TRACK is set")
    return Say("do_not_track", Level.FULL, "DO_NOT_TRACK is not set")


def _feature(inputs: Inputs) -> Say:
    if inputs.feature:
        return Say("feature", Level.FULL, "the application offers telemetry")
    return Say("feature", Level.OFF, "the application's author has switched telemetry off")


def app_ceiling(app: AppSettings) -> Level:
    """The ceiling from level and full-content switch.

    The switch raises the default ceiling `usage` to `full`; it does not lift a ceiling that was
    set lower on purpose, and a switch that is off on purpose keeps `full` shut.
    """
    if app.full_content and app.level >= Level.USAGE:
        return Level.FULL
    if app.full_content is False:
        return min(app.level, Level.USAGE)
    return app.level


def _app_settings(app: AppSettings) -> Say:
    if app.enabled is False:
        return Say("app_settings", Level.OFF, "telemetry is switched off in the app's settings")
    ceiling = app_ceiling(app)
    return Say("app_settings", ceiling, f"the app's settings allow {ceiling.label} at most")


def _consent(inputs: Inputs) -> Say:
    record = inputs.record
    if record is None:
        if inputs.model == "opt_in":
            return Say("consent", Level.OFF, "the user has not been asked or has not answered yet")
        return Say("consent", Level.FULL, "the user has not said no")
    if record.decision == "denied":
        return Say("consent", Level.OFF, f"the user said no on {record.at[:10]}")
    if inputs.model == "opt_in" and _must_ask(inputs):
        return Say("consent", Level.OFF, "the policy has changed and the user has not answered yet")
    covered = LEVEL_BY_LABEL.get(record.level, Level.OFF)
    return Say("consent", covered, f"the user agreed to {covered.label} on {record.at[:10]}")


def _must_ask(inputs: Inputs) -> bool:
    """Whether the app should put the question to the user."""
    record = inputs.record
    if record is None:
        return inputs.model == "opt_in"
    new_policy = bool(inputs.policy_version) and record.policy_version != inputs.policy_version
    return record.decision == "granted" and new_policy


class ConsentBook(msgspec.Struct, forbid_unknown_fields=True):
    """What is written to `consent.json`: every decision, oldest first; the last one counts."""

    records: list[ConsentRecord] = []

    @property
    def current(self) -> ConsentRecord | None:
        """The decision in force."""
        return self.records[-1] if self.records else None


_DECODER = msgspec.json.Decoder(ConsentBook)


def encode_consent(book: ConsentBook) -> bytes:
    """The bytes of `consent.json`."""
    return msgspec.json.format(msgspec.json.encode(book), indent=1)


def decode_consent(raw: bytes) -> ConsentBook | None:
    """A consent book, or None for bytes that are none.

    A file is written for a decision only, so one without any is damaged, not a clean slate: under
    `opt_out` a clean slate would send again what the user refused.
    """
    try:
        book = _DECODER.decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    return book if book.records else None
