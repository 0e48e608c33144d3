"""The policy, rule by rule: what goes, what stays, and how it is written."""

import pytest

from sidespool.core.scrub import Scrubber, ScrubContext
from sidespool.core.scrub.scrubber import FAILED


@pytest.fixture(scope="module")
def scrubber() -> Scrubber:
    return Scrubber()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("open '/home/marlowe/deal/plan.docx'", "open '{USER_HOME_PATH}/{FILE_NAME}'"),
        ("at f (/home/marlowe/deal/a.ts:3:4)", "at f ({USER_HOME_PATH}/a.ts:3:4)"),
        (r"D:\deal\a.ts(3,4): error", r"{PATH}\a.ts(3,4): error"),
        (r"\\server\share\deal\a.ts", r"{UNC_PATH}\a.ts"),
        ("/srv/deal/node_modules/x/i.js:1:2", "{PATH}/node_modules/x/i.js:1:2"),
        ("see https://deal.example/a?b=c.", "see {URL}."),
        ("    at f (https://deal.example/a/b.js:1:2)", "    at f ({URL}/b.js:1:2)"),
        ("user=marlowe host=box", "user={USER} host={HOST}"),
        ("password: hunter2", "password: {SECRET}"),
    ],
)
def test_private_parts_become_placeholders(scrubber: Scrubber, text: str, expected: str) -> None:
    assert scrubber.text(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "src/app/x.ts:3:4",
        "node:internal/modules/cjs/loader:936:14",
        "node_modules/foo/index.js:1:2",
        "/usr/lib/python3.11/site-packages/x.py",
        r"C:\Windows\System32\kernel32.dll",
        "127.0.0.1 ::1 0.0.0.0 :: localhost",
        "http://localhost:3000/",
        "commit 4f2a9c1e8b7d4e5fa6b7c8d9e0f1a2b3c4d5e6f7",
        "event_id: 0190163d-8694-739b-aea5-966c26f8ad91",
        "the token is missing, the key is wrong, password required",
        "password=${PASSWORD} token=<token> url={URL}",
    ],
)
def test_public_parts_stay(scrubber: Scrubber, text: str) -> None:
    assert scrubber.text(text) is text


def test_a_uuid_goes_under_a_machine_id_and_under_a_token(scrubber: Scrubber) -> None:
    uuid = "4f2a9c1e-8b7d-4e5f-a6b7-c8d9e0f1a2b3"
    assert scrubber.text(f"machine-id: {uuid}") == "machine-id: {HARDWARE_ID}"
    assert scrubber.text(f"token: {uuid}") == "token: {SECRET}"
    assert scrubber.text(f"request_id: {uuid}") == f"request_id: {uuid}"


def test_known_roots_give_their_own_placeholders() -> None:
    made = Scrubber(
        ScrubContext(
            home=r"C:\Users\Jane Doe",
            project_roots=(r"C:\Users\Jane Doe\deal",),
            app_path=r"C:\Users\Jane Doe\AppData\Local\foo",
            tmp=r"C:\Users\Jane Doe\AppData\Local\Temp",
        )
    )
    assert made.text(r"C:\Users\Jane Doe\deal\src\a.ts") == r"{PROJECT_PATH}\src\a.ts"
    assert made.text("file:///c:/users/jane%20doe/deal/src/a.ts:1:2").endswith("/src/a.ts:1:2")
    assert made.text(r"C:\Users\Jane Doe\AppData\Local\foo\x.dll") == r"{APP_PATH}\x.dll"
    assert "tmp7" not in made.text(r"C:\Users\Jane Doe\AppData\Local\Temp\tmp7\a.ts")


def test_names_of_the_machine_go_in_every_spelling() -> None:
    made = Scrubber(ScrubContext(username="josé", hostname="quillonbox", full_name="Jane Doe"))
    text = "JOSÉ jose\u0301 jos%C3%A9 QuillonBox.local jane.doe Doe, Jane"
    assert made.text(text) == "{USER} {USER} {USER} {HOST} {USER} {USER}"
    assert made.text("josephine") == "josephine"


def test_generic_names_are_no_names() -> None:
    made = Scrubber(ScrubContext(username="test", hostname="localhost", home="/root"))
    assert made.text("test of root on localhost") == "test of root on localhost"


def test_a_folder_cannot_be_smuggled_behind_a_placeholder(scrubber: Scrubber) -> None:
    assert scrubber.text("{PATH}/home/marlowe/a.ts") == "{PATH}/a.ts"
    assert scrubber.text("{PROJECT_PATH}/src/a.ts") == "{PROJECT_PATH}/src/a.ts"


def test_noncharacters_cannot_forge_a_placeholder(scrubber: Scrubber) -> None:
    assert scrubber.text("a \ufdd0 b") == "a \ufffd b"


def test_an_ordinary_coloured_text_keeps_its_colours(scrubber: Scrubber) -> None:
    assert scrubber.text("\x1b[31mfailed\x1b[0m") == "\x1b[31mfailed\x1b[0m"
    assert scrubber.text("\x1b[31m/home/marlowe/a.ts\x1b[0m") == "{USER_HOME_PATH}/a.ts"


def test_content_keeps_everything_but_credentials(scrubber: Scrubber) -> None:
    text = "see /home/marlowe/a.ts, mail jane@quillon.example, password=hunter2"
    kept = "see /home/marlowe/a.ts, mail jane@quillon.example, password={SECRET}"
    assert scrubber.secrets(text) == kept
    assert scrubber.secrets("https://x9:hunter2@h/p") == "https://x9:{SECRET}@h/p"


def test_a_path_field_keeps_only_a_scrubbed_tail(scrubber: Scrubber) -> None:
    assert scrubber.path("/opaque/deal/plan.docx") == "{PATH}/{FILE_NAME}"
    assert scrubber.path("/home/marlowe/a.ts") == "{USER_HOME_PATH}/a.ts"
    assert scrubber.path("src/a.ts") == "src/a.ts"


def test_a_url_field_goes_whole(scrubber: Scrubber) -> None:
    assert scrubber.url("https://deal.example/a?b=c") == "{URL}"
    assert scrubber.url("http://localhost:3000/") == "http://localhost:3000/"


def test_an_error_inside_fails_closed_and_is_counted() -> None:
    made = Scrubber()

    def broken(text: str) -> str:
        raise RuntimeError(text)

    made._passes = ((-1, broken),)
    assert made.text("open /home/marlowe/a.ts") == FAILED
    assert made.failures == 1


def test_a_text_that_never_settles_fails_closed() -> None:
    made = Scrubber()
    made._passes = ((-1, lambda text: text + " /home/x"),)
    assert made.text("open /home/marlowe/a.ts") == FAILED
    assert made.failures >= 1


def test_forgetting_drops_the_cached_lines() -> None:
    made = Scrubber()
    made.text("open /home/marlowe/a.ts")
    assert made._cache
    made.forget()
    assert not made._cache
