"""What a chart is made of, the same for the page, JSON and CSV."""

import msgspec

Value = float | int | str | None


class Series(msgspec.Struct, frozen=True):
    """One line or set of bars: a value for each `x`; None where there is nothing to show."""

    label: str
    values: list[float | int | None]
    unit: str = ""
    style: str = "bars"  # bars or line
    colour: int = 1


class Figure(msgspec.Struct, frozen=True):
    """One number to read at once, and the same of the period before."""

    label: str
    value: float | int | None
    unit: str = ""
    before: float | int | None = None
    is_more_better: bool | None = None


class Table(msgspec.Struct, frozen=True):
    """Rows as a person reads them; `units` says how each column is to be written."""

    columns: list[str]
    rows: list[list[Value]]
    units: list[str]


class Chart(msgspec.Struct, frozen=True):
    """A chart's whole content. `x` holds Unix seconds. Withheld: too few installs to show."""

    name: str
    title: str
    figures: list[Figure]
    x: list[int] = []
    series: list[Series] = []
    table: Table | None = None
    sql: str = ""
    is_withheld: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing at all to see."""
        has_points = any(value for series in self.series for value in series.values)
        return not has_points and not (self.table and self.table.rows)
