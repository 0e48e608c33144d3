"""`sidespool run` as the group knows it: for help, the reference, and options before the verb.

The daemon itself parses its flags in `cli/run.py`, so that it starts without click.
"""

from pathlib import Path

import click


@click.command()
@click.option("--stdio", is_flag=True, help="Take frames on standard input, answer on output.")
@click.option("--exit-with-stdin", is_flag=True, help="End when standard input ends.")
@click.option(
    "--port", metavar="N", type=click.IntRange(0, 65_535), help="Listen on this port of 127.0.0.1."
)
@click.option("--verbose", is_flag=True, help="Log to standard error, too.")
@click.option(
    "--policy-file",
    type=click.Path(path_type=Path),
    help="(tests) Read the administrator's policy from here.",
)
@click.option("--json", "_as_json", is_flag=True, help="No difference: the ready line is JSON.")
def run(
    stdio: bool, exit_with_stdin: bool, port: int | None, verbose: bool,
    policy_file: Path | None, _as_json: bool,
) -> int:  # fmt: skip
    """Run the sidecar daemon; settings come from TELEMETRY_* in the environment.

    Prints one line of JSON when it is ready. Ends by SIGTERM, Ctrl-C, or with its standard input.
    Exit codes: 0 ended as asked, 2 bad configuration, 3 data directory unusable, 4 port taken.
    """
    from sidespool.cli.run import main

    argv = ["--stdio"] * stdio + ["--exit-with-stdin"] * exit_with_stdin + ["--verbose"] * verbose
    if port is not None:
        argv += ["--port", str(port)]
    if policy_file is not None:
        argv += ["--policy-file", str(policy_file)]
    return main(argv)
