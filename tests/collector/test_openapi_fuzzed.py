"""A live collector is asked whatever its own description allows, and what it does not.

Schemathesis generates the requests (https://schemathesis.readthedocs.io); it fails on a server
error, an undocumented status or content type, an answer that does not fit its schema, a valid
request that is refused, an invalid one that is taken, and a door that opens without a token.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from support.collector_world import World

StartWorld = Callable[..., Awaitable[World]]
EXAMPLES = "5"
# What a schema cannot say: two dates must be in order, and a day must exist. And an event_id that
# was null in an answer is tried in a path. Not every text is SQL.
CONFIG = """
[[operations]]
include-path = "/api/v1/metrics/{name}"
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", 400]

[[operations]]
include-path = "/api/v1/hours"
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", 400]

[[operations]]
include-path = "/api/v1/export"
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", 400, 501]

[[operations]]
include-path = "/api/v1/sql"
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", 400, 404]

[[operations]]
include-path = "/api/v1/attachments/{event_id}"
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", 400, 404, 409]
"""


async def test_every_operation_keeps_to_its_description(
    start_world: StartWorld, tmp_path: Path
) -> None:
    world = await start_world(sql="off")  # a process for each statement, and no SQL among them
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG)
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "import schemathesis.cli as c; c.schemathesis()",
        f"--config-file={config}", "run", f"{world.url}/api/v1/openapi.json",
        "-H", f"Authorization: Bearer {world.tokens['admin']}",
        f"--max-examples={EXAMPLES}", "--phases=coverage,fuzzing",
        "--seed=7", "--workers=1", "--no-color",
        cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await asyncio.wait_for(child.communicate(), 110)
    assert child.returncode == 0, output.decode()[-6000:]
