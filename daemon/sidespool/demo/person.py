"""Invents the people of the demo: their machines, and the secrets that must never leave them."""

import random
import string

import msgspec

_OS_SHARES = {"macos": 5, "windows": 4, "linux": 3}
_OS_VERSIONS = {
    "macos": ("14.6.1", "15.1", "13.7"),
    "windows": ("10.0.22631", "10.0.19045", "10.0.26100"),
    "linux": ("6.8.0-45-generic", "6.1.0-26-amd64", "6.11.4"),
}
_INSTALLED_BY = {
    "macos": ("dmg", "homebrew"),
    "windows": ("nsis", "store"),
    "linux": ("deb", "appimage", "snap"),
}
_GIVEN = ("marguerite", "tomasz", "kwame", "ingrid", "rajesh", "soledad", "yuki", "bartholomew")
_FAMILY = ("dubois", "wilczek", "asante", "lindqvist", "krishnan", "quintana", "hoshino", "okafor")


class Person(msgspec.Struct, frozen=True):
    """One install; `home` ends without a separator, `sep` is the system's."""

    user_id: str
    account: str
    os: str
    os_version: str
    arch: str
    installed_by: str
    home: str
    sep: str
    eagerness: float  # sessions on a working day, on average
    patience: float  # how long reviews take, 1 is usual
    update_lag_days: int

    def path(self, *parts: str) -> str:
        """A path below the person's home."""
        return self.sep.join((self.home, *parts))


class Secrets(msgspec.Struct, frozen=True):
    """What one person's errors carry along; each value is a canary."""

    account: str
    email: str
    github: str
    aws_key: str
    api_key: str
    jwt: str
    password: str
    server: str
    client_project: str
    prompt: str

    def values(self) -> list[str]:
        """Every canary."""
        return [str(getattr(self, name)) for name in self.__struct_fields__]


def invent_person(dice: random.Random, user_id: str, os_name: str = "") -> Person:
    """A person with a machine; `os_name` where it is known."""
    drawn = dice.choices(list(_OS_SHARES), list(_OS_SHARES.values()))[0]
    system = os_name if os_name in _OS_SHARES else drawn
    account = _account(dice)
    home = {"macos": "/Users/", "windows": "C:\\Users\\", "linux": "/home/"}[system] + account
    return Person(
        user_id=user_id,
        account=account,
        os=system,
        os_version=dice.choice(_OS_VERSIONS[system]),
        arch="arm64" if system == "macos" and dice.random() < 0.8 else "x64",
        installed_by=dice.choice(_INSTALLED_BY[system]),
        home=home,
        sep="\\" if system == "windows" else "/",
        eagerness=dice.uniform(0.4, 2.2),
        patience=dice.lognormvariate(0, 0.4),
        update_lag_days=dice.choice((0, 0, 1, 1, 2, 4, 9)),
    )


def _account(dice: random.Random) -> str:
    """A name that is nobody's and occurs nowhere else, so that a search for it proves something."""
    return f"{dice.choice(_GIVEN)}.{dice.choice(_FAMILY)}{dice.randrange(100, 999)}"


def invent_secrets(dice: random.Random, person: Person) -> Secrets:
    """Fresh canaries; made at run time, so that no token-like text stands in the source."""

    def text(length: int, alphabet: str = string.ascii_letters + string.digits) -> str:
        return "".join(dice.choices(alphabet, k=length))

    capitals = string.ascii_uppercase + "234567"
    word = text(6, string.ascii_lowercase)
    return Secrets(
        account=person.account,
        email=f"{person.account}@{word}-consulting.example",
        github="gh" + "p_" + text(36),
        aws_key="AK" + "IA" + text(16, capitals),
        api_key="s" + "k-" + text(48),
        jwt="ey" + f"JhbGciOiJIUzI1NiJ9.ey{text(40)}.{text(43)}",
        password="pw-" + text(14),
        server=f"filer-{word}",
        client_project=f"{word}-merger-2026",
        prompt=f"please rewrite the termination letter to {word}",
    )
