"""Secrets of many vendors and notations in many carriers.

Nothing here is a live credential, and none stands in this file: each is put together at run time
from a public prefix and seeded random characters, so that scanners of git hosts stay quiet.
"""

import base64
import json
import random
import re
import string
from collections.abc import Callable, Iterator
from urllib.parse import quote

from core.scrub.corpora.case import Case, rows, texts

ALNUM = string.ascii_letters + string.digits
LOWER = string.ascii_lowercase + string.digits
UPPER = string.ascii_uppercase + string.digits
HEX = "0123456789abcdef"
WORD = ALNUM + "_-"
B64 = ALNUM + "+/"

ALPHABETS = {
    "alnum": ALNUM,
    "lower": LOWER,
    "upper": UPPER,
    "hex": HEX,
    "word": WORD,
    "b64": B64,
    "digits": string.digits,
}
# Prefixes and suffixes stand in pieces, so that no scanner of a git host sees a token.
VENDORS = {row["name"]: row for row in rows("vendors.jsonl")}

CARRIERS = (
    "{s}",
    "error near {s}",
    "{s} was rejected",
    "request failed: {s}.",
    "invalid key ({s})",
    "got '{s}', aborting",
    'provided: "{s}"',
    "[{s}]",
    "<{s}>",
    "a,{s},b",
    "key is `{s}`;",
    "x={s}&y=1",
    "token {s}, retrying in 5s",
    "line1\n{s}\nline3",
    "\x1b[33m{s}\x1b[0m",
    "using\t{s}\t!",
    "401 Unauthorized for {s}: denied",
    "env: FOO={s} BAR=2",
)


def token(rng: random.Random, name: str) -> str:
    vendor = VENDORS[name]
    alphabet = ALPHABETS.get(vendor["alphabet"], vendor["alphabet"])
    prefix, suffix = "".join(vendor["prefix"]), "".join(vendor["suffix"])
    body = "".join(rng.choice(alphabet) for _ in range(vendor["length"]))
    # An end in - or _ is read as the sentence's mark by some; give each a firm end.
    return prefix + body[:-1] + rng.choice([c for c in alphabet if c.isalnum()]) + suffix


def vendors(rng: random.Random) -> Iterator[Case]:
    for name in VENDORS:
        for form in range(5):
            secret = token(rng, name)
            if form == 0:
                text = secret
            elif form == 1:
                text = json.dumps({"message": f"bad {secret}", "code": 401})
            elif form == 2:
                text = json.dumps({"b": json.dumps({"v": f"say {secret}!"})})
            else:
                text = rng.choice(CARRIERS).format(s=secret)
            yield Case(f"vendor-{name}-{form}", text, pieces(secret), ())
        secret = token(rng, name)
        yield Case(
            f"vendor-{name}-pct", f"q={quote(secret, safe='')}%26x", (quote(secret, safe="")[-12:],)
        )


def pieces(secret: str) -> tuple[str, ...]:
    """The whole and both its ends: half a secret is a leak."""
    if len(secret) < 16:
        return (secret,)
    return (secret, secret[-10:])


PASSWORDS = (
    "hunter2",
    "S3cr3t!pw",
    "correct-horse-9",
    "p@ssw0rd#1",
    "Tr0ub4dor&3",
    "Zq8#kk,Lm2",
    "letmein99",
    "q{w}e(r)7",
    "ünïcode7pw",
    "swordfish",
    "a1b2c3d4",
    "Passw0rd",
    "x'y7zQ2w",
    "8d;Kq2z",
)
NAMES = (
    "password",
    "PASSWORD",
    "db_password",
    "DB_PASSWORD",
    "dbPassword",
    "userPassword",
    "passwd",
    "pwd",
    "secret",
    "client_secret",
    "clientSecret",
    "API_KEY",
    "apiKey",
    "api-key",
    "x-api-key",
    "access_token",
    "accessToken",
    "refresh_token",
    "auth_token",
    "GITHUB_TOKEN",
    "private_key",
    "secretKey",
    "AWS_SECRET_ACCESS_KEY",
    "SESSION_SECRET",
    "MYSQL_ROOT_PASSWORD",
    "PGPASSWORD",
    "spring.datasource.password",
    "encryption_key",
    "passphrase",
    "JWT_SECRET",
    "csrf_token",
    "STRIPE_API_KEY",
    "SMTP_PASS",
    "storePassword",
    "keyPassword",
    "admin_password",
    "credentials",
    "openai_api_key",
    "webhook_secret",
    "SECRET_KEY_BASE",
)


def named(rng: random.Random) -> Iterator[Case]:
    notations: tuple[tuple[str, Callable[[str, str], str]], ...] = (
        ("plain", lambda n, v: f"{n}={v}"),
        ("colon", lambda n, v: f"{n}: {v}"),
        ("env", lambda n, v: f"export {n}={v}"),
        ("quoted", lambda n, v: f"{n}={json.dumps(v, ensure_ascii=False)}"),
        ("json", lambda n, v: json.dumps({"user": "x9", n: v, "port": 5432}, ensure_ascii=False)),
        (
            "json2",
            lambda n, v: json.dumps(
                {"body": json.dumps({n: v}, ensure_ascii=False)}, ensure_ascii=False
            ),
        ),
        ("repr", lambda n, v: repr({n: v, "retries": 3})),
        ("yaml", lambda n, v: f"  {n}: {json.dumps(v, ensure_ascii=False)}\n  port: 5432"),
        (
            "xml",
            lambda n, v: (
                f"<{n}>{v}</{n}>"
                if "<" not in v and "&" not in v
                else f"<{n}><![CDATA[{v}]]></{n}>"
            ),
        ),
        (
            "flag",
            lambda n, v: (
                f"tool --{n} {v} --verbose" if "'" not in v else f'tool --{n} "{v}" --verbose'
            ),
        ),
        ("flageq", lambda n, v: f"tool --{n}={v} --verbose"),
        ("query", lambda n, v: f"body: grant=x&{n}={quote(v, safe='')}&scope=read"),
        ("arrow", lambda n, v: f"'{n}' => \"{v}\","),
        ("log", lambda n, v: f"2024-01-02 login failed {n}={v} user=x9"),
        ("ini", lambda n, v: f"[db]\n{n} = {v}\nport = 5432"),
        ("pair", lambda n, v: json.dumps([{"name": n, "value": v}], ensure_ascii=False)),
        ("kwarg", lambda n, v: f"connect(host=h, {n}={v!r}, port=5432)"),
        ("html", lambda n, v: f'<input name="{n}" value="{v}">'),
        ("toml", lambda n, v: f'{n} = "{v}"  # local'),
        ("escaped", lambda n, v: '{\\"' + n + '\\":\\"' + v + '\\",\\"port\\":5432}'),
    )
    for number in range(520):
        name, value = rng.choice(NAMES), rng.choice(PASSWORDS)
        label, make = notations[number % len(notations)]
        if "token" in name.lower() and value.isalpha():
            value = "k7" + value
        if (
            label in ("plain", "colon", "env", "log", "flag", "flageq", "ini", "xml")
            and ("," in value or ";" in value)
            and label != "plain"
        ):
            value = "Tr0ub4dor&3" if label != "xml" else "S3cr3t!pw"
        if label in ("html", "arrow", "toml", "escaped") and any(c in value for c in "'\"\\"):
            value = "S3cr3t!pw"
        text = make(name, value)
        keep = [name] if name in text else []
        if "5432" in text:
            keep.append("5432")
        if "--verbose" in text:
            keep.append("--verbose")
        shown = quote(value, safe="") if label == "query" else value
        yield Case(f"named-{label}-{number}", text, (shown,) if shown in text else (), tuple(keep))


_SLOT = re.compile("«(\\d+)?(\\w+)»")


def forms(rng: random.Random, name: str = "secret_forms.jsonl") -> Iterator[Case]:
    """Notations written out, with slots for secrets: «24A» is 24 letters and digits."""
    for number, row in enumerate(rows(name), 1):
        made: dict[str, str] = {}

        def fill(match: re.Match[str], made: dict[str, str] = made) -> str:
            return made.setdefault(match[0], _slot(rng, match[1], match[2]))

        text = _SLOT.sub(fill, row["input"])
        leak = [_SLOT.sub(fill, token) for token in row["leak"]]
        ends = [
            part
            for token in leak
            for part in ((token[:64], token[-64:]) if "\n" in token else (token,))
        ]
        yield Case(f"{name}-{number}", text, tuple(ends), tuple(row["keep"]))


def _slot(rng: random.Random, length: str | None, kind: str) -> str:
    if kind == "basic":
        return base64.b64encode(b"x9:" + _random(rng, 9, ALNUM).encode()).decode()
    if kind == "pem":
        return "\n".join(_random(rng, 64, B64) for _ in range(6))
    if kind == "uuid":
        h = _random(rng, 32, HEX)
        return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}"
    alphabet = {"A": ALNUM, "U": UPPER, "H": HEX, "B": B64}[kind]
    return _random(rng, int(length or 8), alphabet)


def _random(rng: random.Random, length: int, alphabet: str) -> str:
    """Random characters with a digit and a letter at the end, so that none looks like a word."""
    tail = "7" + ("a" if "a" in alphabet else "A")
    return "".join(rng.choice(alphabet) for _ in range(length - 2)) + tail


def harmless() -> Iterator[Case]:
    for number, text in enumerate(texts("secret_harmless.txt")):
        yield Case(f"harmless-{number}", text, (), (text,))


def cases() -> list[Case]:
    rng = random.Random(7042)
    return [*vendors(rng), *named(rng), *forms(rng), *harmless()]
