"""Invents errors as real apps have them: messages and stack traces full of people's data."""

import random
from collections.abc import Callable

import msgspec

from sidespool.demo.person import Person, Secrets

Payload = dict[str, object]
Text = Callable[[random.Random, Person, Secrets], str]


class Trouble(msgspec.Struct, frozen=True):
    """One kind of error; `versions` begins with which it occurs in, empty for all."""

    error_type: str
    weight: int
    message: Text
    where: str
    versions: tuple[str, ...] = ()


def _source(dice: random.Random, person: Person) -> str:
    name = dice.choice(("planner.ts", "diff.ts", "review.ts", "session.ts", "index.ts"))
    return person.path("work", "consulting", "patchwork", "src", "app", name)


TROUBLES = (
    Trouble(
        "ENOENT",
        5,
        lambda dice, who, s: (
            "ENOENT: no such file or directory, open "
            f"'{who.path(s.client_project, 'Kündigung.docx')}'"
        ),
        "main",
    ),
    Trouble(
        "TypeError",
        9,
        lambda *_: "Cannot read properties of undefined (reading 'hunks')",
        "renderer",
        ("2.5.",),
    ),
    Trouble(
        "HTTPError",
        6,
        lambda dice, who, s: (
            f"POST https://api.models.example/v1/chat?key={s.api_key} "
            f"failed with status {dice.choice((429, 502, 503))}"
        ),
        "backend",
    ),
    Trouble(
        "AuthenticationError",
        3,
        lambda dice, who, s: f"401: the key {s.api_key} of {s.email} was revoked",
        "backend",
    ),
    Trouble(
        "OperationalError",
        3,
        lambda dice, who, s: (
            "could not connect to "
            f"postgresql://reports:{s.password}@10.{dice.randrange(250)}.7.12:5432/ledger"
        ),
        "backend",
    ),
    Trouble(
        "GitError",
        3,
        lambda dice, who, s: (
            f"fatal: Authentication failed for 'https://{who.account}:{s.github}@github.com/x/y.git'"
        ),
        "main",
    ),
    Trouble(
        "EBUSY",
        2,
        lambda dice, who, s: (
            f"EBUSY: resource busy or locked, rename '\\\\{s.server}\\share\\a.tmp'"
        ),
        "main",
    ),
    Trouble(
        "TimeoutError",
        4,
        lambda dice, *_: f"the model did not answer within {dice.choice((30, 60, 90))} s",
        "renderer",
    ),
)


def invent_error(
    dice: random.Random, person: Person, secrets: Secrets, version: str
) -> tuple[str, Payload]:
    """Who sees it (`main`, `renderer`, `backend`) and the payload of an Error."""
    known = [t for t in TROUBLES if not t.versions or version.startswith(t.versions)]
    one = dice.choices(known, [t.weight for t in known])[0]
    message = one.message(dice, person, secrets)
    return one.where, {
        "error_type": one.error_type,
        "message": message,
        "stack_trace": _stack(dice, person, one, message),
        "context": {"step": dice.choice(("plan", "apply", "review")), "user": secrets.email},
    }


def _stack(dice: random.Random, person: Person, one: Trouble, message: str) -> str:
    if one.where == "backend":
        file = person.path("work", "consulting", "patchwork", "backend", "chat.py")
        library = person.path(".venv", "lib", "python3.12", "site-packages", "httpx", "_client.py")
        return (
            "Traceback (most recent call last):\n"
            f'  File "{file}", line {dice.randrange(20, 400)}, in answer\n'
            f'  File "{library}", line 1054, in send\n'
            f"{one.error_type}: {message}"
        )
    line = dice.randrange(10, 900)
    return (
        f"{one.error_type}: {message}\n"
        f"    at applyHunks ({_source(dice, person)}:{line}:{dice.randrange(2, 60)})\n"
        f"    at async Review.run (file://{person.path('patchwork', 'dist', 'review.js')}:88:5)\n"
        "    at process.processTicksAndRejections (node:internal/process/task_queues:105:5)"
    )
