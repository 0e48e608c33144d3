"""What points at people and their machines, with checksums that hold, in many carriers."""

import json
import random
import string
from collections.abc import Callable, Iterator
from urllib.parse import quote

from core.scrub.corpora.case import Case, written

CARRIERS = (
    "{v}",
    "contact {v} for help",
    "Rejected: {v}.",
    "({v})",
    "'{v}' is not valid",
    'value "{v}" refused',
    "from={v}; retry=3",
    "a, {v}, b",
    "line one\n{v}\nline three",
    "\x1b[1m{v}\x1b[0m done",
    "got <{v}>",
    "seen {v}, giving up",
    "[info] {v} | ok",
    "- {v}",
    "{v} was duplicated",
    "for {v}: denied",
)


def _luhn(body: str) -> str:
    total = 0
    for index, char in enumerate(reversed(body)):
        value = int(char) * (2 - index % 2)
        total += value - 9 if value > 9 else value
    return body + str(-total % 10)


def card(rng: random.Random) -> str:
    prefix, size = rng.choice(
        (
            ("4", 16),
            ("51", 16),
            ("55", 16),
            ("2221", 16),
            ("34", 15),
            ("37", 15),
            ("6011", 16),
            ("65", 16),
            ("3528", 16),
            ("3056", 14),
            ("62", 16),
        )
    )
    digits = _luhn(
        prefix + "".join(rng.choice(string.digits) for _ in range(size - len(prefix) - 1))
    )
    gap = rng.choice(("", " ", "-"))
    if size == 15:
        return gap.join((digits[:4], digits[4:10], digits[10:]))
    return gap.join(digits[i : i + 4] for i in range(0, size, 4))


IBAN_BODIES = {
    "DE": (18, ""),
    "GB": (14, "NWBK"),
    "FR": (23, ""),
    "ES": (20, ""),
    "NL": (10, "ABNA"),
    "IT": (22, "X"),
    "CH": (17, ""),
    "AT": (16, ""),
    "PL": (24, ""),
    "BE": (12, ""),
    "NO": (11, ""),
    "SE": (20, ""),
    "PT": (21, ""),
    "IE": (14, "AIBK"),
    "DK": (14, ""),
}


def iban(rng: random.Random) -> str:
    country = rng.choice(tuple(IBAN_BODIES))
    size, bank = IBAN_BODIES[country]
    body = bank + "".join(rng.choice(string.digits) for _ in range(size))
    number = int("".join(str(int(c, 36)) for c in body + country + "00"))
    whole = f"{country}{98 - number % 97:02d}{body}"
    if rng.random() < 0.5:
        return " ".join(whole[i : i + 4] for i in range(0, len(whole), 4))
    return whole


def email(rng: random.Random) -> str:
    local = rng.choice(
        (
            "marlowe",
            "j.okonkwo",
            "jane.doe+news",
            "m_brandt",
            "o'brien",
            "x9-q",
            "JOSE.GARCIA",
            "josé",
            "müller",
            "用户",
            "first.last",
            "a",
            "info2024",
        )
    )
    domain = rng.choice(
        (
            "quillon.example",
            "mail.fabrikon.co.uk",
            "zephyr-bank.de",
            "münchen.example",
            "sub.a.b.quillon.io",
            "gmail.com",
            "例え.jp",
            "corp.internal.net",
            "x.museum",
        )
    )
    return f"{local}@{domain}"


def ipv4(rng: random.Random) -> str:
    return rng.choice(
        (
            f"10.{rng.randint(0, 255)}.{rng.randint(1, 255)}.{rng.randint(1, 254)}",
            f"192.168.{rng.randint(0, 255)}.{rng.randint(1, 254)}",
            f"172.{rng.randint(16, 31)}.4.{rng.randint(1, 254)}",
            f"{rng.randint(11, 99)}.{rng.randint(1, 255)}."
            f"{rng.randint(1, 255)}.{rng.randint(1, 254)}",
            f"{rng.randint(128, 223)}.{rng.randint(0, 255)}."
            f"{rng.randint(1, 255)}.{rng.randint(1, 254)}",
            "169.254.12.7",
            "100.64.3.9",
        )
    )


def ipv6(rng: random.Random) -> str:
    h = lambda: f"{rng.randint(0x1000, 0xFFFF):x}"  # noqa: E731
    return rng.choice(
        (
            f"2001:db8:{h()}:{h()}:{h()}:{h()}:{h()}:{h()}",
            f"2001:db8::{h()}",
            f"fe80::{h()}:{h()}:{h()}:{h()}",
            f"fe80::{h()}:{h()}%eth0",
            f"fd00:{h()}:{h()}::1",
            f"::ffff:192.168.7.{rng.randint(1, 254)}",
            f"2a02:810b:{h()}:{h()}::{h()}",
            f"64:ff9b::10.2.3.{rng.randint(1, 254)}",
            f"2001:0DB8:85A3:0000:0000:8A2E:0370:{h().upper()}",
        )
    )


def mac(rng: random.Random) -> str:
    parts = [f"{rng.randint(0, 255):02x}" for _ in range(6)]
    parts[0] = "a4"
    form = rng.randint(0, 3)
    if form == 0:
        return ":".join(parts)
    if form == 1:
        return "-".join(parts).upper()
    if form == 2:
        return ".".join(parts[i] + parts[i + 1] for i in (0, 2, 4))
    return ":".join(parts).upper()


def phone(rng: random.Random) -> str:
    d = lambda n: "".join(rng.choice("23456789") for _ in range(n))  # noqa: E731
    return rng.choice(
        (
            f"+49 30 {d(7)}",
            f"+49 (0)170 {d(7)}",
            f"+1 ({d(3)}) {d(3)}-{d(4)}",
            f"+1-{d(3)}-{d(3)}-{d(4)}",
            f"+44 20 {d(4)} {d(4)}",
            f"+33 1 {d(2)} {d(2)} {d(2)} {d(2)}",
            f"+33.6.{d(2)}.{d(2)}.{d(2)}.{d(2)}",
            f"({d(3)}) {d(3)}-{d(4)}",
            f"{d(3)}-{d(3)}-{d(4)}",
            f"{d(3)}.{d(3)}.{d(4)}",
            f"020 {d(4)} {d(4)}",
            f"06 {d(2)} {d(2)} {d(2)} {d(2)}",
            f"030/{d(7)}",
            f"0171-{d(7)}",
            f"0{d(3)} {d(6)}",
            f"+91 {d(5)} {d(5)}",
            f"+86 138 {d(4)} {d(4)}",
            f"+81-3-{d(4)}-{d(4)}",
            f"+55 11 9{d(4)}-{d(4)}",
            f"+4915{d(9)}",
            f"+1{d(10)}",
            f"+61 4{d(2)} {d(3)} {d(3)}",
            f"+7 (9{d(2)}) {d(3)}-{d(2)}-{d(2)}",
            f"+48 {d(3)} {d(3)} {d(3)}",
            f"+41 79 {d(3)} {d(2)} {d(2)}",
        )
    )


MAKERS: dict[str, Callable[[random.Random], str]] = {
    "email": email,
    "ipv4": ipv4,
    "ipv6": ipv6,
    "mac": mac,
    "phone": phone,
    "card": card,
    "iban": iban,
}


def shapes(rng: random.Random) -> Iterator[Case]:
    for kind, make in MAKERS.items():
        for number in range(70):
            value = make(rng)
            if number % 7 == 5:
                text, leak = (
                    json.dumps({"note": f"see {value} now", "n": 3}, ensure_ascii=False),
                    (value,),
                )
            elif number % 7 == 6:
                encoded = quote(value, safe="")
                text, leak = f"q={encoded}&n=3", (encoded,)
            else:
                carrier = rng.choice(CARRIERS)
                text, leak = carrier.format(v=value), (value,)
            keep = tuple(
                word
                for word in (
                    "contact",
                    "retry=3",
                    "line three",
                    "giving up",
                    "denied",
                    "duplicated",
                )
                if word in text
            )
            yield Case(f"{kind}-{number}", text, leak, keep)


def cases() -> list[Case]:
    return [*shapes(random.Random(991)), *written("person_forms.jsonl")]
