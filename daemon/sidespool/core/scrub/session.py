"""Account and host names where a shell, a system log or a listing puts them.

Prompts, remote logins, ls, ps, top, who, lsof, sudo, syslog, passwd, netrc and git blame.
"""

import re

from sidespool.core.scrub import placeholder as ph
from sidespool.core.scrub.identity import names_nobody, phrase
from sidespool.core.scrub.lazy import Lazy

_UID = Lazy(
    r"\b(?P<lead>(?:uid|gid|euid|egid|groups)=\d{1,10}\()(?P<bare>[\w.$-]{2,64})(?=\))"
    r"|(?<=,)(?P<lead2>\d{1,10}\()(?P<bare2>[\w.$-]{2,64})(?=\))"
)
_PROMPT = Lazy(
    r"(?<![\w@./<+'=*~%-])(?P<user>[a-z_][\w.-]{0,31})@(?P<host>[A-Za-z0-9][\w.-]{0,63})(?=:(?:"
    r"[~$]|/(?!/))|:[ ]?[\w.-]+[$#>] |[ ][~/]\S*(?:[ ][$#%>]|\])"
    r"|[ ][\w.-]{1,64}[ ][$#%](?:\s|$)|[ ](?:MINGW|MSYS|UCRT|CLANG)\w|\]?[$#%>](?:\s|$)|:~|[ ]~)"
)
_REMOTE = Lazy(
    r"(?P<lead>\b(?:ssh|scp|sftp|mosh|rsync|ssh-copy-id)\b(?:[ ]-\S+(?:[ ](?!-"
    r"|\S*@)[^\s@]{1,64})?){0,6}[ ](?:[^\s@]{1,200} ){0,2})(?P<user>[\w.-]{1,64})@(?P<host>"
    r"[\w.-]{1,100})"
)
_SHELL = Lazy(r"\[(?P<user>[\w.-]{1,32})@(?P<host>[\w.-]{1,64})(?= [^\]\n]{1,64}\][$#])")
_LISTING = Lazy(
    r"^(?P<lead>[bcdlps-](?:[r-][w-][xsStT-]){3}[@+.]? +\d+ +)(?P<user>[\w.$-]+)(?P<gap> +)"
    r"(?P<group>[\w.$-]+)(?= +\d)"
)
_SUDO = Lazy(r"(?P<lead>\bsudo: +)(?P<bare>[\w.-]{2,40})(?= : )")
_GECOS = Lazy(r"^(?P<user>[\w.-]{2,32}):x:(?P<ids>\d+:\d+):(?P<name>[^:]*):(?=/)")
# Lines of ps, top, who, lsof and last begin with an account or have it in a fixed column.
_PROCESS = Lazy(
    r"^(?P<user>[A-Za-z_][\w.+-]{0,31})(?= +\d+ +(?:\d+\.\d+ +\d+\.\d+ +\d+"
    r"|\d+ +\d+ +(?:\d\d:\d\d|[A-Z][a-z]{2} ?\d\d) ))"
    r"|^(?P<user2>[A-Za-z_][\w.+-]{0,31})(?= +(?:tty\w+|pts/\d+|console|:\d+|seat\d+) )"
    r"|^(?P<lead>[\w.+() -]{1,40}? +\d+ +)(?P<user3>[A-Za-z_][\w.+-]{0,31})(?= +"
    r"(?:\d+[urwW-]{1,3}|cwd|rtd|txt|mem"
    r"|DEL) +[A-Za-z])"
    r"|^(?P<lead2> *\d+ +)(?P<user4>[A-Za-z_][\w.+-]{0,31})(?= +(?:-?\d+"
    r"|rt) +-?\d+ +[\d.]+[kmgt]? +)"
)
_SYSLOG = Lazy(
    r"^(?P<lead>(?:<\d{1,3}>)?[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d )(?P<bare>[\w.-]{2,64})"
    r"(?= [\w./() -]{1,48}(?:\[\d{1,8}\])?: )"
)
_NETRC = Lazy(r"(?P<lead>\blogin[ \t]+)(?P<bare>[\w.@+-]{2,64})(?=[ \t]+(?:password|passwd)\b)")
_CONNECTED = Lazy(
    r"(?P<lead>\b(?:as|(?:connect(?:ed|ing)?|log(?:ged)? ?in|login|ssh) to) )"
    r"(?P<user>[\w.-]{2,32})@(?P<host>(?!latest|next|beta|alpha|canary|rc\b"
    r"|\d)[A-Za-z][\w-]{1,62})(?![\w.@/])"
)
_BLAME = Lazy(
    r"(?P<lead>\()(?P<bare>[^\W\d_][\w'’. -]{1,60}?)"
    r"(?=\s{1,40}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}\s{1,8}\d+\))"
)


def scrub_sessions(text: str) -> str:
    """{USER} and {HOST} in prompts, listings, process tables and logs of the system."""
    text = _UID.sub(_uid, text)
    text = _PROMPT.sub(_prompt, text)
    for pattern in (_REMOTE, _CONNECTED):
        text = pattern.sub(lambda m: f"{m['lead']}{ph.USER}@{ph.HOST}", text)
    text = _LISTING.sub(_listing, text)
    text = _SHELL.sub(lambda m: f"[{ph.USER}@{ph.HOST}", text)
    for pattern in (_SUDO, _NETRC):
        text = pattern.sub(phrase, text)
    text = _BLAME.sub(lambda m: m["lead"] + ph.USER, text)
    text = _SYSLOG.sub(lambda m: m[0] if names_nobody(m["bare"]) else m["lead"] + ph.HOST, text)
    text = _PROCESS.sub(_process, text)
    return _GECOS.sub(_account_line, text)


def _uid(match: re.Match[str]) -> str:
    lead, name = match["lead"] or match["lead2"], match["bare"] or match["bare2"]
    return match[0] if names_nobody(name) else lead + ph.USER


def _prompt(match: re.Match[str]) -> str:
    user = match["user"] if match["user"] in ("root",) else ph.USER
    host = match["host"] if match["host"] == "localhost" else ph.HOST
    if (
        match["user"] in ("npm", "git", "node", "react", "types")
        and ":" not in match.string[match.end() :][:1]
    ):
        return match[0]
    return f"{user}@{host}"


def _listing(match: re.Match[str]) -> str:
    user = match["user"] if names_nobody(match["user"]) else ph.USER
    group = (
        match["group"]
        if names_nobody(match["group"]) or match["group"] in ("staff", "wheel")
        else ph.USER
    )
    return match["lead"] + user + match["gap"] + group


def _account_line(match: re.Match[str]) -> str:
    """A line of /etc/passwd."""
    full_name = ph.USER if match["name"] else ""
    return f"{ph.USER}:x:{match['ids']}:{full_name}:"


def _process(match: re.Match[str]) -> str:
    """The account of a line of ps and its kin."""
    for group, lead in (("user", ""), ("user2", ""), ("user3", "lead"), ("user4", "lead2")):
        if name := match[group]:
            return match[0] if names_nobody(name) else (match[lead] if lead else "") + ph.USER
    return match[0]
