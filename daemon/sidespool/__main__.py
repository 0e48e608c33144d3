"""Entry point of `sidespool`: `run` takes the short way, every other verb loads the CLI."""

import sys


def main() -> int:
    """Runs the verb; returns (or exits with) its code."""
    if sys.argv[1:2] == ["run"]:
        from sidespool.cli.run import main as run

        return run(sys.argv[2:])
    from sidespool.cli.verbs import main as verbs

    return verbs()


if __name__ == "__main__":
    sys.exit(main())
