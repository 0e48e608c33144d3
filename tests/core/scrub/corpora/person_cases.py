"""What points at people and their machines, with checksums that hold, in many carriers."""

import json
import random
import string
from collections.abc import Callable, Iterator
from urllib.parse import quote

from core.scrub.corpora.case import Case

CARRIERS = (
    "{v}", "contact {v} for help", "Rejected: {v}.", "({v})", "'{v}' is not valid", 'value "{v}" refused', "from={v}; retry=3", "a, {v}, b",
    "line one\n{v}\nline three", "\x1b[1m{v}\x1b[0m done", "got <{v}>", "seen {v}, giving up", "[info] {v} | ok", "- {v}", "{v} was duplicated", "for {v}: denied",
)  # fmt: skip


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
    return rng.choice((f"10.{rng.randint(0, 255)}.{rng.randint(1, 255)}.{rng.randint(1, 254)}", f"192.168.{rng.randint(0, 255)}.{rng.randint(1, 254)}", f"172.{rng.randint(16, 31)}.4.{rng.randint(1, 254)}",
                       f"{rng.randint(11, 99)}.{rng.randint(1, 255)}.{rng.randint(1, 255)}.{rng.randint(1, 254)}", f"{rng.randint(128, 223)}.{rng.randint(0, 255)}.{rng.randint(1, 255)}.{rng.randint(1, 254)}", "169.254.12.7", "100.64.3.9"))  # fmt: skip


def ipv6(rng: random.Random) -> str:
    h = lambda: f"{rng.randint(0x1000, 0xFFFF):x}"  # noqa: E731
    return rng.choice((f"2001:db8:{h()}:{h()}:{h()}:{h()}:{h()}:{h()}", f"2001:db8::{h()}", f"fe80::{h()}:{h()}:{h()}:{h()}", f"fe80::{h()}:{h()}%eth0", f"fd00:{h()}:{h()}::1", f"::ffff:192.168.7.{rng.randint(1, 254)}",
                       f"2a02:810b:{h()}:{h()}::{h()}", f"64:ff9b::10.2.3.{rng.randint(1, 254)}", f"2001:0DB8:85A3:0000:0000:8A2E:0370:{h().upper()}"))  # fmt: skip


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
    return rng.choice((f"+49 30 {d(7)}", f"+49 (0)170 {d(7)}", f"+1 ({d(3)}) {d(3)}-{d(4)}", f"+1-{d(3)}-{d(3)}-{d(4)}", f"+44 20 {d(4)} {d(4)}", f"+33 1 {d(2)} {d(2)} {d(2)} {d(2)}", f"+33.6.{d(2)}.{d(2)}.{d(2)}.{d(2)}",
                       f"({d(3)}) {d(3)}-{d(4)}", f"{d(3)}-{d(3)}-{d(4)}", f"{d(3)}.{d(3)}.{d(4)}", f"020 {d(4)} {d(4)}", f"06 {d(2)} {d(2)} {d(2)} {d(2)}", f"030/{d(7)}", f"0171-{d(7)}", f"0{d(3)} {d(6)}", f"+91 {d(5)} {d(5)}", f"+86 138 {d(4)} {d(4)}",
                       f"+81-3-{d(4)}-{d(4)}", f"+55 11 9{d(4)}-{d(4)}", f"+4915{d(9)}", f"+1{d(10)}", f"+61 4{d(2)} {d(3)} {d(3)}", f"+7 (9{d(2)}) {d(3)}-{d(2)}-{d(2)}", f"+48 {d(3)} {d(3)} {d(3)}", f"00491{d(10)}" if False else f"+41 79 {d(3)} {d(2)} {d(2)}"))  # fmt: skip


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


def keyed() -> Iterator[Case]:
    rows: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = [
        ("phone: 4829104829", ("4829104829",), ("phone",)), ('{"phone":"4829104829"}', ("4829104829",), ("phone",)), ("tel. 030 4829104", ("030 4829104",), ()), ("call me at 482 910 4829", ("482 910 4829",), ("call me at",)), ("Fax: 48-29-10-48", ("48-29-10-48",), ()),
        ("ssn: 123-45-6789", ("123-45-6789",), ()), ("SSN 219-09-9999 on file", ("219-09-9999",), ("on file",)), ("social security number is 219099999", ("219099999",), ()), ("NINO: QQ 12 34 56 C", ("12 34 56",), ()), ("AB123456C applied", ("AB123456C",), ("applied",)),
        ("CPF 529.982.247-25", ("529.982.247-25",), ()), ("CNPJ: 11.222.333/0001-81", ("11.222.333/0001-81",), ()), ("codice fiscale RSSMRA85T10A562S", ("RSSMRA85T10A562S",), ()), ("DNI 12345678Z", ("12345678Z",), ()), ("NIE X1234567L", ("X1234567L",), ()), ("PAN card ABCPE1234F", ("ABCPE1234F",), ()),
        ("Aadhaar: 2341 2345 6781", ("2341 2345 6781",), ()), ("passport no: C01X00T47", ("C01X00T47",), ()), ("Passport: 482910482", ("482910482",), ()), ("Steuer-ID: 12 345 678 901", ("12 345 678 901",), ()), ("personnummer 19850101-1234", ("19850101-1234",), ()), ("NHS number: 943 476 5919", ("943 476 5919",), ()),
        ("driver's license: D1234567", ("D1234567",), ()), ("1 85 05 78 006 084 91", ("006 084",), ()), ("BSN: 111222333", ("111222333",), ()), ("PESEL 44051401359", ("44051401359",), ()), ("AHV 756.9217.0769.85", ("756.9217.0769.85",), ()), ("tax id: 48-2910482", ("48-2910482",), ()),
        ("S-1-5-21-3623811015-3361044348-30300820-1013", ("3623811015", "1013"), ()), ("owner S-1-5-21-1004336348-1177238915-682003330-512 denied", ("1004336348",), ("denied",)),
        ("machine-id: 4f2a9c1e8b7d4e5fa6b7c8d9e0f1a2b3", ("4f2a9c1e8b7d4e5fa6b7c8d9e0f1a2b3",), ("machine-id",)), ('{"machineId":"4f2a9c1e-8b7d-4e5f-a6b7-c8d9e0f1a2b3"}', ("4f2a9c1e-8b7d-4e5f-a6b7-c8d9e0f1a2b3",), ("machineId",)), ("MachineGuid    REG_SZ    4f2a9c1e-8b7d-4e5f-a6b7-c8d9e0f1a2b3", ("4f2a9c1e-8b7d-4e5f-a6b7-c8d9e0f1a2b3",), ("REG_SZ",)),
        ("Serial Number: C02XK1ZZJGH5", ("C02XK1ZZJGH5",), ()), ("serial=WD-WX31A4829104", ("WD-WX31A4829104",), ()), ("disk serial S3Z8NB0K482910: failing" if False else "Disk Serial: S3Z8NB0K482910", ("S3Z8NB0K482910",), ()), ("IMEI: 490154203237518", ("490154203237518",), ()), ("device_id=4f2a9c1e8b7d4e5f", ("4f2a9c1e8b7d4e5f",), ("device_id",)),
        ('"deviceId":"A1B2C3D4-E5F6-4718-9A0B-1C2D3E4F5A6B"', ("A1B2C3D4-E5F6-4718-9A0B-1C2D3E4F5A6B",), ()), ('"IOPlatformUUID" = "A1B2C3D4-E5F6-4718-9A0B-1C2D3E4F5A6B"', ("A1B2C3D4",), ()), ("android_id: 9774d56d682e549c", ("9774d56d682e549c",), ()), ("Hardware UUID: A1B2C3D4-E5F6-4718-9A0B-1C2D3E4F5A6B", ("A1B2C3D4",), ("Hardware UUID",)),
        ("lat=52.520008, lon=13.404954", ("52.520008", "13.404954"), ()), ('{"latitude":52.520008,"longitude":13.404954}', ("52.520008", "13.404954"), ("latitude",)), ("52.5200° N, 13.4050° E", ("52.5200", "13.4050"), ()), ("52°31'12\"N 13°24'18\"E", ("52°31", "13°24"), ()), ("geo:52.520008,13.404954", ("52.520008", "13.404954"), ()), ("GPS: 52.5200, 13.4050", ("52.5200", "13.4050"), ()), ("at 52.520008, 13.404954 now", ("52.520008",), ("now",)), ("coords [52.5200, 13.4050]", ("52.5200",), ()),
        ("user=marlowe", ("marlowe",), ("user=",)), ("username: marlowe", ("marlowe",), ()), ('{"user":"marlowe","id":3}', ("marlowe",), ('"id":3',)), ('{"username":"Jane Doe"}', ("Jane Doe",), ()), ("USERNAME=marlowe", ("marlowe",), ()), ("LOGNAME=marlowe", ("marlowe",), ()), ("User Id=marlowe;", ("marlowe",), ()), ("login: marlowe", ("marlowe",), ()), ("displayName: 'Jane Doe'", ("Jane Doe",), ()), ('"full_name": "Jane Doe"', ("Jane Doe",), ()), ('"firstName":"Jane","lastName":"Doe"', ("Jane", "Doe"), ()),
        ('FATAL: password authentication failed for user "marlowe"', ("marlowe",), ("password authentication failed for user",)), ("Access denied for user 'marlowe'@'10.2.3.4' (using password: YES)", ("marlowe", "10.2.3.4"), ("Access denied for user", "using password: YES")), ("Access denied for user 'marlowe'@'quillonbox'", ("marlowe", "quillonbox"), ()), ('role "marlowe" does not exist', ("marlowe",), ("does not exist",)), ("Login failed for user 'marlowe'.", ("marlowe",), ()), ("Accepted publickey for marlowe from 10.2.3.4 port 22 ssh2", ("marlowe", "10.2.3.4"), ("Accepted publickey for",)),
        ("session opened for user marlowe by (uid=0)", ("marlowe",), ("session opened for user",)), ("uid=1000(marlowe) gid=1000(marlowe) groups=1000(marlowe),27(sudo)", ("marlowe",), ("uid=1000", "sudo")), ("-rw-r--r-- 1 marlowe staff 1024 Jan  2 10:00 a.txt", ("marlowe",), ("staff", "1024")), ("sudo:  marlowe : TTY=pts/0", ("marlowe",), ("TTY=pts/0",)), ("logged in as marlowe", ("marlowe",), ("logged in as",)), ("QUILLON\\marlowe was denied", ("marlowe", "QUILLON"), ("was denied",)),
        ("hostname: quillonbox", ("quillonbox",), ("hostname",)), ("HOSTNAME=quillonbox", ("quillonbox",), ()), ("COMPUTERNAME=QUILLON-PC", ("QUILLON-PC",), ()), ('{"host":"db7.quillon.example","port":5432}', ("quillon",), ("5432",)), ("Host: api.quillon.example", ("quillon",), ("Host",)), ("getaddrinfo ENOTFOUND api.quillon.example", ("quillon",), ("getaddrinfo ENOTFOUND",)), ("getaddrinfo EAI_AGAIN quillonbox", ("quillonbox",), ()), ("connect ECONNREFUSED 10.2.3.4:5432", ("10.2.3.4",), ("connect ECONNREFUSED", "5432")), ("Could not resolve host: git.quillon.example", ("quillon",), ("Could not resolve host",)), ('could not translate host name "dbquillon" to address', ("dbquillon",), ("to address",)), ("java.net.UnknownHostException: dbquillon", ("dbquillon",), ("UnknownHostException",)),
        ("DESKTOP-4F2A9C1 joined", ("DESKTOP-4F2A9C1",), ("joined",)), ("LAPTOP-8B7D4E5F", ("LAPTOP-8B7D4E5F",), ()), ("Janes-MacBook-Pro.local refused", ("Janes", "MacBook-Pro.local"), ("refused",)), ("WIN-4F2A9C1E8B7", ("WIN-4F2A9C1E8B7",), ()), ("ip-10-2-3-4.ec2.internal", ("ip-10-2-3-4",), ()), ("printer7.corp is offline", ("printer7",), ("is offline",)), ("nas.quillon.lan:445", ("quillon",), ("445",)), ("Jane's MacBook Pro", ("Jane",), ("MacBook Pro",)), ("MacBook-Pro-de-Jeanne.local", ("Jeanne",), ()),
        ("x-forwarded-for: 10.2.3.4, 10.9.8.7", ("10.2.3.4", "10.9.8.7"), ("x-forwarded-for",)), ("10.2.3.4:8080 -> 10.9.8.7:443", ("10.2.3.4", "10.9.8.7"), ("8080", "443")), ("[2001:db8::7]:443", ("2001:db8::7",), ("443",)), ("inet 10.2.3.4/24 brd 10.2.3.255", ("10.2.3.4", "10.2.3.255"), ("inet", "brd")), ("/10.2.3.4:8080 closed", ("10.2.3.4",), ("closed",)), ("dbhost/10.2.3.4:5432", ("10.2.3.4",), ("5432",)), ("mailto:marlowe@quillon.example", ("marlowe", "quillon"), ()), ("Jane Doe <jane@quillon.example>", ("jane@quillon.example",), ()), ("tel:+4930482910", ("4930482910",), ()),
        ("ether a4:5e:60:f1:22:b7 txqueuelen 1000", ("a4:5e:60:f1:22:b7",), ("ether", "txqueuelen 1000")), ("card 4111 1111 1111 1111 declined", ("4111 1111 1111 1111",), ("declined",)), ("cc=4111111111111111&cvv=482", ("4111111111111111", "482"), ()), ("git@github.com:quillon/zephyr.git", ("quillon", "zephyr"), ()), ("<marlowe@quillon.example>: relay denied", ("marlowe",), ("relay denied",)), ("author marlowe@quillon.example 1700000000 +0100", ("marlowe",), ("1700000000 +0100",)),
        ("ssid=QuillonHome5G", ("QuillonHome5G",), ()), ("ssh marlowe@quillonbox -p 22", ("marlowe", "quillonbox"), ("-p 22",)), ("whoami\nquillon", (), ("whoami",)),
    ]  # fmt: skip
    for number, (text, leak, keep) in enumerate(rows):
        yield Case(f"keyed-{number}", text, leak, keep)


def cases() -> list[Case]:
    return [*shapes(random.Random(991)), *keyed()]
