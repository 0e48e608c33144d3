"""Puts the demo's figures into words: name, number, and what it means."""

from sidespool.demo.play import Figures

HONESTY = (
    "People and their work are simulated; daemon, doors, spool, uploads and collector are real."
)


def rows(figures: Figures) -> list[tuple[str, str, str]]:
    """In the order in which an event meets them."""
    found, search = figures.comparison, figures.search
    refused = ", ".join(f"{n} {why}" for why, n in sorted(figures.rejected.items()))
    return [
        ("emitted", f"{figures.emitted:,}", "by the app's three processes"),
        ("rejected", f"{sum(figures.rejected.values()):,}", refused),
        ("acknowledged", f"{figures.acknowledged:,}", "after fsync"),
        ("uploaded", f"{figures.uploaded:,}", f"with {found.made_by_daemon} of the daemon's own"),
        ("stored", f"{found.stored:,}", "of the acknowledged, by the collector"),
        ("history stored", f"{found.stored_past:,}", f"of {figures.past:,} of simulated installs"),
        ("lost", f"{len(found.lost):,}", "acknowledged, but not stored"),
        ("duplicated", f"{len(found.doubled):,}", "stored more than once"),
        (
            "secrets found",
            f"{len(search.found):,}",
            f"of {search.canaries} planted, in {search.size_bytes / 1e6:.1f} MB of "
            f"{search.files} files (collector's and daemon's)",
        ),
    ]
