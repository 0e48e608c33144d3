"""Pairs of messages: equal errors that must give one template, different ones that must not."""

import random
import re

from core.scrub.corpora.case import rows, texts

# Patterns with slots; two fillings of a pattern are the same error.
SAME = tuple(texts("template_same.txt"))
# Pairs that differ in what tells errors apart.
DIFFERENT = tuple((a, b) for a, b in rows("template_different.jsonl"))


def fill(pattern: str, rng: random.Random) -> str:
    def hexes(n: int) -> str:
        return "".join(rng.choice("0123456789abcdef") for _ in range(n - 2)) + "a7"

    def one(match: re.Match[str]) -> str:
        name = match[1]
        n = rng.randint(2, 9999)
        h = hexes(32)
        values = {
            "prop": rng.choice(
                ("map", "length", "userName", "_private", "$scope", "data-id", "foo")
            ),
            "status": str(rng.choice((400, 401, 403, 404, 409, 429, 500, 502, 503))),
            "url": rng.choice(
                (
                    "https://api.quillon.example/v1/users?id=3",
                    "http://zephyr.example:8080/a/b.json",
                    "https://x.io",
                    "wss://live.fabrikon.example/socket",
                )
            ),
            "ms": str(n),
            "sec": rng.choice((str(n), f"{n / 7:.2f}")),
            "ip": f"10.{n % 255}.2.{n % 250 + 1}",
            "port": str(rng.randint(1024, 65535)),
            "host": rng.choice(("api.quillon.example", "db7", "zephyr.lan")),
            "n": str(n),
            "small": str(rng.randint(1, 255)),
            "float": f"{n / 1000:.4f}",
            "path": rng.choice(
                (
                    "/home/marlowe/work/quillon/a.ts",
                    "/Users/jane/zephyr/src/a.ts",
                    r"C:\Users\Jane Doe\p\a.ts",
                    "/srv/app/a.ts",
                    r"D:\x\y\a.ts",
                )
            ),
            "pkg": rng.choice(("/home/marlowe/quillon", "/Users/jane/p", "/srv/x")),
            "uuid": f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}",
            "sha": hexes(40),
            "hex": hexes(12),
            "hex16": hexes(16),
            "date": rng.choice(
                (
                    f"2024-0{n % 9 + 1}-1{n % 9}T03:04:05.{n % 1000:03d}Z",
                    f"2023-1{n % 3}-2{n % 8}T13:14:15.{n % 1000:03d}Z",
                )
            ),
            "day": f"2024-0{n % 9 + 1}-1{n % 9}",
            "time": f"0{n % 9}:{n % 50 + 10}:{n % 49 + 10}",
            "word": rng.choice(("foo", "bar baz", "x-1", "quux")),
            "char": rng.choice("<}o"),
            "email": rng.choice(("a@quillon.example", "jane.doe@x.io")),
            "card": "4111 1111 1111 1111",
            "secret": "k" + hexes(31),
            "phone": f"+49 30 {1000000 + n}",
        }
        return values[name]

    return re.sub(r"\{(\w+)\}", one, pattern)


def pairs() -> list[tuple[str, str, bool]]:
    """(a, b, equal): whether the two must give the same template."""
    rng = random.Random(313)
    found: list[tuple[str, str, bool]] = []
    for pattern in SAME:
        for _ in range(3):
            found.append((fill(pattern, rng), fill(pattern, rng), True))
    for a, b in DIFFERENT:
        found.append((a, b, False))
        found.append((f"Error: {a}", f"Error: {b}", False))
    patterns = list(SAME)
    for first, second in zip(patterns, patterns[7:] + patterns[:7], strict=True):
        found.append((fill(first, rng), fill(second, rng), False))
    found += [(a, b, same) for a, b, same in rows("template_typed.jsonl")]
    return found
