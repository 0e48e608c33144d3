"""Addresses: IPv4, IPv6 and MAC, told from versions, times, code scopes and object ids."""

import re

from sidespool.core.scrub import placeholder as ph
from sidespool.core.scrub.lazy import Lazy
from sidespool.core.scrub.lexicon import words

_IPV4 = Lazy(
    r"(?<![\d.\w])(?<!\d[.-])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)"
    r"(?!\.?\d)(?![\w])"
)
_VERSION_BEFORE = Lazy(
    r"(?:\b(?:version|versions|ver|v|release|rev|revision|build|firmware|driver|sdk|runtime"
    r"|assembly"
    r"|file ?version|product ?version|oid|section|sections|chapter|clause|rfc|paragraph|appendix"
    r"|step|figure|table|§|upgrade to|upgraded to|downgrade to|update to|updated to"
    r"|installed|package)"
    r"[\s:=\"'\]#v/(]{1,4}|(?:Chrome|Chromium|HeadlessChrome|Edg|EdgA|Edge|Electron|OPR"
    r"|Safari|Brave"
    r"|Vivaldi|Firefox|AppleWebKit|YaBrowser|SamsungBrowser|CriOS|Whale|Trident|node|Code)/"
    r"|\b(?:V8|Chrome|Chromium|Edge|Electron|Firefox|Safari|Opera|WebView2|Node(?:\.js)?|\.NET"
    r"|Java|JDK|JRE|OpenSSL|Windows|Office|Outlook|Excel|Word|Unity|Gradle|SQL Server"
    r"|\w{1,16}\.(?:dll|exe|sys|so|dylib))[ :,]{1,2}"
    r"|[@^~]|[<>=]=|[a-z]-|§ ?)$",
    re.IGNORECASE,
)
_UPGRADE_BEFORE = Lazy(
    r"\b(?:upgrad|updat|downgrad|instal|bump)\w{0,6}\b[^;\n]{0,40}$"
    r"|[\w-]+\.[\w.-]+:[\w.-]+:$",
    re.IGNORECASE,
)
_VERSION_LINE = Lazy(
    r"\bversions?\b(?:(?!\b(?:host|ip|peer|address)\b)[^;\n]){0,54}$", re.IGNORECASE
)
_ADDRESS_BEFORE = Lazy(
    r"(?:\bip|addr(?:ess)?|host|from|client|peer|to|at|via|inet|dhcp|dns|server"
    r"|for)[\s:=\"'(]{1,4}$",
    re.IGNORECASE,
)


_BUILD_AFTER = Lazy(
    r"[-+](?:snapshot|alpha|beta|rc|pre|dev|release|final|ga|canary|nightly|stable|insider"
    r"|build|hotfix"
    r"|patch|\d{1,3}(?:ubuntu|\.el|\.fc|deb|~)|g[0-9a-f]{7})",
    re.IGNORECASE,
)
_UNSPECIFIED = ".".join("0000")


def scrub_ipv4(text: str) -> str:
    """{IP} for each dotted quad but loopback, unspecified, masks and versions."""
    return _IPV4.sub(_ipv4, text)


def _ipv4(match: re.Match[str]) -> str:
    quad = match[0]
    text = match.string
    first, second, third, fourth = (int(part) for part in quad.split("."))
    if first == 127 or quad == _UNSPECIFIED or (first == 255 and (fourth == 0 or third < 255)):
        return quad
    before = text[max(0, match.start() - 24) : match.start()]
    if _VERSION_BEFORE.search(before):
        return quad
    public = first not in (10, 100, 169, 172, 192, 198, 203)
    if public and _VERSION_LINE.search(text, max(0, match.start() - 60), match.start()):
        return quad
    if _UPGRADE_BEFORE.search(text, max(0, match.start() - 60), match.start()):
        return quad
    after = text[match.end() : match.end() + 12]
    if _BUILD_AFTER.match(after):
        return quad
    if second == third == fourth == 0 and not (after[:1] in ("/", ":") and after[1:2].isdigit()):
        return quad if not _ADDRESS_BEFORE.search(before) else ph.IP
    if (first, second) == (2, 5) and third in (4, 29):  # X.509 object ids
        return quad
    if any(len(part) > 1 and part[0] == "0" for part in quad.split(".")):
        return quad
    return ph.IP


_IPV6 = Lazy(
    r"(?<![\w:.])(?:[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){7}"
    r"|(?:[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,6})?::"
    r"(?:[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,6})?(?::?\d{1,3}(?:\.\d{1,3}){3})?"
    r"|[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){5}:\d{1,3}(?:\.\d{1,3}){3})"
    r"(?P<zone>%[A-Za-z0-9._-]{1,20})?(?P<mask>/\d{1,3})?(?!\w|:(?!\d{2,5}(?![\w:]))[\w:])"
)


def scrub_ipv6(text: str) -> str:
    """{IP} for IPv6 addresses with zone; loopback (mapped too) and ``::`` stay."""
    return _IPV6.sub(_ipv6, text)


def _ipv6(match: re.Match[str]) -> str:
    whole = match[0]
    mask = match["mask"] or ""
    body = whole[: len(whole) - len(mask)].split("%")[0]
    lowered = body.lower()
    if lowered in ("::", "::1", "::ffff:0:0") or lowered.startswith("::ffff:127."):
        return whole
    if re.fullmatch(r"(?:0{1,4}:){7}0{0,3}[01]", lowered):
        return whole
    groups = [group for group in body.split(":") if group]
    if "." in groups[-1]:
        return ph.IP + mask
    if len(groups) < 8:
        # C++ and Rust scopes read like compressed addresses: "abc::def", "a::b".
        bracketed = match.string[match.start() - 1 : match.start()] == "["
        wide = len(groups[0]) >= 3 and body.find(groups[0]) == 0
        digits = any(c.isdigit() for c in body)
        if not ((wide and digits) or bracketed or len(groups) >= 4):
            return whole
    if len(groups) == 8 and all(group.isdigit() and len(group) < 3 for group in groups):
        return whole
    return ph.IP + mask


_MAC = Lazy(
    r"(?<![\w:.-])(?:[0-9A-Fa-f]{2}(?P<s>[:-])(?:[0-9A-Fa-f]{2}(?P=s)){4}[0-9A-Fa-f]{2}"
    r"(?:(?P=s)[0-9A-Fa-f]{2}(?P=s)[0-9A-Fa-f]{2})?"
    r"|[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4})(?![\w])(?![:-][0-9A-Fa-f]{2}"
    r"(?![0-9A-Fa-f]))"
)


_MAC_KEYED = Lazy(
    r"(?P<lead>\b(?:mac|mac[ _-]?addr(?:ess)?|hwaddr|ether|bssid|physical address)"
    r"(?:\\{0,7}[\"'])?\s{0,3}[:=. ]\s{0,3}(?:\\{0,7}[\"'])?)[0-9A-Fa-f]{12}(?!\w)",
    re.IGNORECASE,
)


def scrub_mac(text: str) -> str:
    """{MAC} for EUI-48 and EUI-64 in the usual forms, and for bare digits under their name."""
    text = _MAC_KEYED.sub(lambda m: m["lead"] + ph.MAC, text)
    return _MAC.sub(_mac, text)


def _mac(match: re.Match[str]) -> str:
    mac = match[0]
    plain = re.sub(r"[:.-]", "", mac).lower()
    if plain.isdigit() and "-" in mac and int(plain[:2]) < 32 and len(plain) == 12:
        # 01-02-03-04-05-06 is a MAC as likely as a date; dates do not have six fields.
        return ph.MAC
    if "." in mac and plain.isdigit():
        return mac
    if set(plain) == {"0"}:
        return mac
    return ph.MAC


_DEFAULT_HOST = Lazy(
    r"(?<![\w-])(?:DESKTOP-[A-Z0-9]{6,8}|LAPTOP-[A-Z0-9]{6,8}|WIN-[A-Z0-9]{9,12}|PC-[A-Z0-9]{5,10}"
    r"|EC2AMAZ-[A-Z0-9]{6,8}|ip-\d{1,3}-\d{1,3}-\d{1,3}-\d{1,3}"
    r"|[\w’']{1,40}s?-(?:MacBook(?:-?(?:Pro|Air))?|iMac|Mac-?mini|Mac-?Studio|Mac-?Pro"
    r"|iPhone|iPad|PC(?!-(?:linux|windows|cygwin|mingw|msys|unknown|none))|Laptop)"
    r"(?:-[\w]{1,12}){0,2}"
    r"|(?:MacBook(?:-?(?:Pro|Air))?|iMac|Mac-?mini|PC|Laptop|iPhone)-(?:de|von|di|van|fra"
    r"|af|som)-\w{1,40}(?:-\w{1,20})?)"
    r"(?:\.(?:local|lan|home|localdomain|internal|corp|ec2\.internal|fritz\.box)"
    r"|\.[\w-]+\.compute\.internal)?(?![\w-])",
    re.IGNORECASE,
)
_PRIVATE_DOMAIN = Lazy(
    r"(?<![\w.@/-])(?:[A-Za-z0-9](?:[\w-]{0,62}\.)){1,6}(?:local|lan|corp|intranet|internal"
    r"|localdomain"
    r"|home\.arpa|fritz\.box|intra|private|ad)(?![\w-])(?!\.[a-z])(?!\()"
)
_CODE_DOMAIN = frozenset(["sun", "jdk", "java", "node", "this", "self", "window", "vs", "process",
    "settings",
                          "config", "env", "appsettings", "git", "docker-compose", "std",
                              "core"])  # fmt: skip
_NOT_FOUND = Lazy(
    r"(?P<lead>\b(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH"
    r"|could not resolve host(?:name)?|cannot resolve host(?:name)?"
    r"|failed to resolve(?: host(?:name)?)?"
    r"|unable to resolve host(?:name)?|unknown host|UnknownHostException|no such host"
    r"|could not translate host name|name or service not known"
    r"|temporary failure in name resolution"
    r"|getaddrinfo failed(?: for)?|connect(?:ion)? to(?: server at)?|connecting to|connected to"
    r"|lookup(?: of| for)?|reach host|ssh to|ping|host key for|known host|nslookup"
    r"|altnames: Host|(?:on "
    r"|to )?host(?:name)?(?= [\"'`]))\b"
    r"[:\s]{0,3}(?:host(?:name)? )?[\"'`]?)"
    r"(?P<host>(?:[A-Za-z0-9](?:[A-Za-z0-9_-]{0,62}))(?:\.[A-Za-z0-9_-]{1,63}){0,8})(?="
    r"[\"'`:\s,;)\]]|\.?$|\. )",
    re.IGNORECASE,
)
_NO_HOST = words("""
    the a an host server client database db remote local localhost port socket failed error timed
    timeout refused closed reset lost after before in at on for from to is was could cannot via with
    and or not no please your this that all any it its address name dns redis postgres postgresql
    mysql mongodb kafka rabbitmq elasticsearch nginx docker daemon backend frontend upstream proxy
    api service website internet network peer table failure domain symbol type types module modules
    import imports path dependency dependencies variable conflict conflicts reference references
    merge promise template component plugin config configuration loader schema alias entry metadata
    """)


def scrub_hosts(text: str) -> str:
    """{HOST} for names computers are given by default, private domains and hosts that failed."""
    text = _ACCOUNT_ON_HOST.sub(_account, _DEFAULT_HOST.sub(ph.HOST, text))
    text = _PRIVATE_DOMAIN.sub(_private, _again(text))
    return _NOT_FOUND.sub(_failed_host, text)


_ACCOUNT_ON_HOST = Lazy(
    rf"(?<![\w@./<-])[A-Za-z_][\w.-]{{0,31}}@(?={ph.HOST})"
    rf"|(?<={ph.HOST})\\{{1,4}}[A-Za-z][\w.-]{{2,40}}"
)


def _account(match: re.Match[str]) -> str:
    """``ana@DESKTOP-…`` and ``desktop-…\\ana``."""
    if match[0][-1] == "@":
        return ph.USER + "@"
    name = match[0].lstrip("\\")
    return match[0][: len(match[0]) - len(name)] + ph.USER


def _again(text: str) -> str:
    """A host that could not be reached is often named twice: hide its other places first."""
    for match in _NOT_FOUND.finditer(text):
        host = match["host"]
        if "." in host and _failed_host(match) != match[0]:
            text = re.sub(rf"(?<![\w.@/-]){re.escape(host)}(?![\w-]|\.\w)", ph.HOST, text)
            break
    return text


def _failed_host(match: re.Match[str]) -> str:
    host = match["host"]
    lowered = host.lower()
    network = re.match(
        r"(?i)EN|EA|EC|ET|EH|unknownhost|could not|unable|no such|failed|cannot", match["lead"]
    )
    if lowered in _NO_HOST or lowered == "localhost" or host.isdigit():
        return match[0]
    if re.fullmatch(r"[\d.]+", host) or ("_" in host and "." not in host and host.isupper()):
        return match[0]
    quoted = match["lead"][-1] in "\"'`" and "host" in match["lead"].lower()
    to_host = match["lead"].lower().endswith("host ") and (
        any(c in "-0123456789" for c in host) or match.string[match.end() :][:6] == " port "
    )
    named = to_host or (
        match["lead"].lower().startswith("ping") and match.string[match.end() :][:1] == ":"
    )
    if (
        "." not in host
        and not quoted
        and not named
        and not (network and "resolve" not in match["lead"][:8].lower())
    ):
        return match[0]
    if "." in host and re.search(
        r"\.(?:js|ts|py|json|exe|so|dll|rs|go|java|css|html|mjs|cjs|tsx|jsx)$", lowered
    ):
        return match[0]
    return match["lead"] + ph.HOST


def _private(match: re.Match[str]) -> str:
    first = match[0].split(".", 1)[0]
    if first.lower() in _CODE_DOMAIN or match[0] == "home.arpa":
        return match[0]
    return ph.HOST
