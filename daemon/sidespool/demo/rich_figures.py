"""Shows the demo's figures on a terminal."""

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from sidespool.demo.figures import HONESTY, rows
from sidespool.demo.play import Figures

_MUST_BE_ZERO = ("lost", "duplicated", "secrets found")


def show_figures(figures: Figures, console: Console | None = None) -> None:
    """A table; what must be zero is green when it is."""
    out = console or Console(highlight=False)
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="dim")
    for name, value, note in rows(figures):
        style = "bold"
        if name in _MUST_BE_ZERO:
            style = "bold green" if value == "0" else "bold red"
        table.add_row(Text(name, style), Text(value, style), note)
    well = figures.well
    title = "[bold green]nothing lost[/]" if well else "[bold red]something is wrong[/]"
    out.print(
        Panel(table, title=title, title_align="left", border_style="green" if well else "red")
    )
    out.print(Text(HONESTY, "dim"))
    for text in (*figures.comparison.lost[:5], *figures.search.found[:5]):
        out.print(Text(f"  {text}", "red"))
