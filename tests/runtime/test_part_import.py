"""Half a package is loaded, works, and becomes whole when asked; in processes of their own."""

import subprocess
import sys

HALF = """
import sys
from sidespool.runtime.part_import import complete, import_part
web = import_part("aiohttp.web")
web.Application()
assert "aiohttp.client" not in sys.modules and "aiohttp.connector" not in sys.modules
assert "backports.zstd" not in sys.modules
response = web.WebSocketResponse
"""
WHOLE = """
complete("aiohttp")
complete("aiohttp")
import aiohttp
assert aiohttp.ClientSession and aiohttp.web.WebSocketResponse is response
assert aiohttp.__version__[0].isdigit() and aiohttp.__version__ != "0"
"""
ODD = """
import sys, pathlib, tempfile
folder = pathlib.Path(tempfile.mkdtemp())
(folder / "odd").mkdir()
(folder / "odd" / "__init__.py").write_text("NAME = 'odd'")
(folder / "odd" / "part.py").write_text("from odd import NAME")
sys.path.insert(0, str(folder))
from sidespool.runtime.part_import import import_part
assert import_part("odd.part").NAME == "odd"
"""


def run(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_servers_half_of_aiohttp_brings_no_client() -> None:
    run(HALF)


def test_the_other_half_can_follow_and_shares_what_is_there() -> None:
    run(HALF + WHOLE)


def test_a_package_that_is_whole_already_stays_so() -> None:
    run("import aiohttp.web\nresponse = aiohttp.web.WebSocketResponse\n"
        "from sidespool.runtime.part_import import complete, import_part\n"
        "import_part('aiohttp.web')\n" + WHOLE)  # fmt: skip


def test_a_part_that_needs_its_package_gets_it() -> None:
    run(ODD)


RACE = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
from sidespool.runtime.part_import import import_over_part, import_over_whole
sys.setswitchinterval(1e-6)
both = threading.Barrier(2)
def door():
    both.wait()
    return import_over_part("sidespool.runtime.doors.http", "aiohttp.web").HttpDoor
def session():
    both.wait()
    return import_over_whole("sidespool.runtime.exporters.http_session", "aiohttp").HttpSession
with ThreadPoolExecutor(2) as threads:
    made = [threads.submit(door), threads.submit(session)]
    assert all(one.result() for one in made)
import aiohttp
assert aiohttp.ClientSession and aiohttp.__version__ != "0"
"""


def test_a_request_and_an_upload_may_come_first_at_the_same_moment() -> None:
    for _ in range(5):
        run(RACE)
