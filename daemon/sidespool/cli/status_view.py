"""Shows a status document on a terminal; imported only there, for it brings rich along."""

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sidespool.cli.status_text import headline, level_style, sections


def show_status(document: dict[str, Any]) -> None:
    """Headline, layers, figures, warnings."""
    console = Console(highlight=False)
    style = level_style(str(document["level"]))
    console.print(f"[bold {style}]●[/] [bold]{escape(headline(document))}[/]\n")
    console.print(_layers(document))
    console.print()
    console.print(_figures(document))
    for text in document["warnings"]:
        console.print(f"[yellow]![/] {escape(text)}")


def _layers(document: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("", "Layer", "Allows", "Because"):
        table.add_column(name)
    for say in document["layers"]:
        decided = say["layer"] == document["decided_by"]
        allows = f"[{level_style(say['level'])}]{say['level']}[/]"
        row = ("›" if decided else "", say["layer"], allows, escape(say["because"]))
        table.add_row(*row, style="bold" if decided else "")
    return table


def _figures(document: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, text in sections(document):
        table.add_row(name, escape(text))
    return table
