"""Judges the effective level while no daemon runs, from what one would find at its start."""

from pathlib import Path

from sidespool.cli.spool_view import read_consent
from sidespool.config import Config
from sidespool.core.consent import AppSettings, ConsentBook, Inputs, Verdict, decide
from sidespool.core.settings import LiveSettings, from_file, merged
from sidespool.runtime.ids import now_ms
from sidespool.runtime.paths import DataPaths, policy_file
from sidespool.runtime.policy_file import read_policy
from sidespool.wire.event import format_time


def live_settings(config: Config) -> LiveSettings:
    """The environment's settings, and the settings file's over them."""
    start = LiveSettings(
        AppSettings(config.enabled, config.full_content, config.level),
        config.endpoint,
        config.user_id,
    )
    if not config.settings_file:
        return start
    try:
        content = from_file(Path(config.settings_file).read_bytes())
    except OSError:
        content = None
    return merged(start, content or {})


def judge(
    config: Config,
    paths: DataPaths,
    book: ConsentBook | None = None,
    policy: Path | None = None,
) -> Verdict:
    """The verdict; `book` stands for decisions not on disk yet, `policy` for tests."""
    known = read_consent(paths, format_time(now_ms())) if book is None else book
    return decide(
        Inputs(
            app=live_settings(config).app,
            administrator=read_policy(policy or policy_file()),
            do_not_track=config.do_not_track,
            feature=config.feature,
            model="opt_in" if config.consent_model == "opt_in" else "opt_out",
            record=known.current,
            policy_version=config.policy_version,
        )
    )
