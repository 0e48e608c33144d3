"""What all tests share: temporary data directories, and an honest list of what did not run."""

import pytest
from hypothesis import settings

# A property test that is slow on a busy machine has found nothing.
settings.register_profile("sidespool", deadline=None)
settings.load_profile("sidespool")

NOT_RUN = "not run: "


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Names every test that could not run here, with its reason."""
    skipped = terminalreporter.stats.get("skipped", [])
    if not skipped:
        return
    terminalreporter.section("tests not run here")
    for report in skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        terminalreporter.line(f"{report.nodeid}: {str(reason).removeprefix('Skipped: ')}")


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine that runs the tests reaches what is tested."""
    import os

    for name in list(os.environ):
        if (
            name.startswith(("TELEMETRY_", "COLLECTOR_", "SIDESPOOL_TEST"))
            or name == "DO_NOT_TRACK"
        ):
            monkeypatch.delenv(name)
