"""`sidespool demo`: the whole product at work on this machine, and figures at the end."""

import asyncio
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sidespool.cli.place import is_terminal, say_json, verb_options, wants_json
from sidespool.errors import SidespoolError

if TYPE_CHECKING:
    from sidespool.demo.play import Figures, Options, Play
    from sidespool.demo.stage import Stage


@click.command()
@click.option("--exit", "ends", is_flag=True, help="End after the figures; 1 if any is bad.")
@click.option(
    "--speed",
    metavar="N",
    type=click.FloatRange(0.1, 100),
    default=1.0,
    show_default=True,
    help="How many times faster the day passes.",
)
@click.option(
    "--seed", metavar="N", type=int, default=7, show_default=True, help="Another seed, another day."
)
@click.option(
    "--port",
    metavar="N",
    type=click.IntRange(0, 65_535),
    default=0,
    help="The dashboard's port; default: any free one.",
)
@click.option(
    "--installs",
    metavar="N",
    type=click.IntRange(1, 500),
    default=36,
    show_default=True,
    help="How many other people make up the past.",
)
@verb_options
def demo(ends: bool, speed: float, seed: int, port: int, installs: int) -> int:
    """Show the whole product at work, on this machine only.

    A real collector and a real daemon, with a simulated app that works through a day: offline for
    a while, killed once. Ends with figures, then shows the dashboard until Ctrl-C.
    """
    from sidespool.demo.play import Options

    options = Options(speed=speed, seed=seed, port=port, installs=installs)
    folder = Path(tempfile.mkdtemp(prefix="sidespool-demo-"))
    try:
        return asyncio.run(_perform(folder, options, ends))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _perform(folder: Path, options: "Options", ends: bool) -> int:
    from sidespool.demo.play import Play

    stopped = _on_stop()
    stage = _stage()
    play = Play(folder, options, stage)
    try:
        figures = await _until_stopped(play, stage, stopped)
        if figures is None:
            return 1
        _show(figures, ends)
        if not ends:
            await stopped.wait()
        return 0 if figures.well else 1
    finally:
        stage.close()
        await play.close()


async def _until_stopped(play: "Play", stage: "Stage", stopped: asyncio.Event) -> "Figures | None":
    """The figures, or None where Ctrl-C came first."""
    stage.open()
    try:
        async with asyncio.TaskGroup() as tasks:
            acting = tasks.create_task(play.run())
            waiting = tasks.create_task(stopped.wait())
            await asyncio.wait({acting, waiting}, return_when=asyncio.FIRST_COMPLETED)
            for task in (acting, waiting):
                task.cancel()
    except* SidespoolError as group:
        raise group.exceptions[0] from None
    finally:
        stage.close()
    return None if acting.cancelled() else acting.result()


def _on_stop() -> asyncio.Event:
    """Set by Ctrl-C or SIGTERM, so that everything is ended in order."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stopped.set)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stopped.set))
    return stopped


def _stage() -> "Stage":
    from sidespool.demo.stage import PlainStage, SilentStage

    if wants_json():
        return SilentStage()
    if not is_terminal():
        return PlainStage()
    from sidespool.demo.rich_stage import RichStage

    return RichStage()


def _show(figures: "Figures", ends: bool) -> None:
    if wants_json():
        say_json(document(figures))
    elif is_terminal():
        from sidespool.demo.rich_figures import show_figures

        show_figures(figures)
    else:
        click.echo("\n".join(plain_lines(figures)))
    if not (ends or wants_json()):
        click.echo(f"\nDashboard: {figures.url}  (Ctrl-C ends the demo and deletes everything)")
    sys.stdout.flush()


def document(figures: "Figures") -> dict[str, Any]:
    """The figures for a program."""
    found = figures.comparison
    return {
        "ok": figures.well,
        "emitted": figures.emitted,
        "acknowledged": figures.acknowledged,
        "rejected": figures.rejected,
        "uploaded": figures.uploaded,
        "stored": found.stored,
        "history": figures.past,
        "history_stored": found.stored_past,
        "made_by_daemon": found.made_by_daemon,
        "resent": figures.resent,
        "lost": len(found.lost),
        "duplicated": len(found.doubled),
        "canaries": figures.search.canaries,
        "canaries_found": figures.search.found,
        "dashboard": figures.url,
    }


def plain_lines(figures: "Figures") -> list[str]:
    """The same as lines."""
    from sidespool.demo.figures import HONESTY, rows

    width = max(len(name) for name, *_ in rows(figures))
    lines = [f"{name:<{width}}  {value:>8}  {note}" for name, value, note in rows(figures)]
    return [*lines, HONESTY]
