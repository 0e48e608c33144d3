"""Secrets on command lines and in connection strings: a short flag or a place gives the meaning."""

import re

from sidespool.core.scrub import placeholder as ph
from sidespool.core.scrub.key_name import Kind
from sidespool.core.scrub.lazy import Lazy
from sidespool.core.scrub.value import is_secret

_Q = r"[\"']?"
# Each has one group: the secret.
_SOURCES = (
    r"\b(?:mysql\w*|mariadb\w*|mycli|mysqldump)\b[^|;\n]{0,200}?\s-p"
    + _Q
    + r"([^\s\"'-][^\s\"']*)",
    r"\bsshpass\s+-p\s{0,2}" + _Q + r"([^\s\"']+)",
    r"\b(?:curl|http|wget)\b[^|;\n]{0,400}?\s(?:-u|--user|--proxy-user|-U)[\s=]{0,2}"
    + _Q
    + r"([^\s\"':]{1,64}:[^\s\"']+)",
    r"\bredis-cli\b[^|;\n]{0,200}?\s-a\s{0,2}" + _Q + r"([^\s\"']+)",
    r"\b7z[ar]?\b[^|;\n]{0,200}?\s-p" + _Q + r"([^\s\"']+)",
    r"\b(?:un)?zip\b[^|;\n]{0,200}?\s-P\s{0,2}" + _Q + r"([^\s\"']+)",
    r"-pass(?:in|out)?\s+pass:([^\s\"']+)",
    r"\b(?:docker|podman|helm|az|oc|nerdctl|buildah|skopeo|heroku|cf)\b[^|;\n]{0,200}?\blogin\b"
    r"[^|;\n]{0,200}?\s-p[\s=]{1,2}" + _Q + r"([^\s\"']+)",
    r"\b(?:mongo\w*|psql|cqlsh|influx|sqlcmd|bcp|isql|clickhouse-client|ldapsearch"
    r"|ldapmodify|xfreerdp"
    r"|smbclient|rpcclient|psexec|winexe|ftp|lftp|mosquitto_\w+|rabbitmqadmin|snowsql|ansible)\b"
    r"[^|;\n]{0,200}?\s(?:-p|-P|-w|/p:|/P)[\s=]{0,2}" + _Q + r"([^\s\"'-][^\s\"']{2,})",
    r"\bsmbclient\b[^|;\n]{0,200}?-U\s{0,2}" + _Q + r"[^\s%\"']+%([^\s\"']+)",
    r"\bnet use\b[^|;\n]{0,200}?/user:\S+\s+([^\s/]\S*)",
    r"\bhtpasswd\b\s+-\w*b\w*\s+\S+\s+\S+\s+" + _Q + r"([^\s\"']+)",
    r"\bsqlplus\s+(?:-\S+\s+){0,3}" + _Q + r"[\w.]+/([^\s@\"']+)",
    r"\bcmdkey\b.{0,100}?/pass:([^\s\"']+)",
    r"(?:^|[\s\"'=,;])/(?:p|pass|password|pwd):" + _Q + r"([^\s\"']+)",
    r"\bsecurity\b.{0,80}?find-generic-password.{0,80}?-w\s+([^\s\"']+)",
    r"\becho\s+" + _Q + r"([^\s\"'|]+)" + _Q + r"\s*\|\s*(?:sudo -S|docker login|passwd)",
    r"(?:^|[>\"'+\s])(?-i:AUTH)\s+(?:[\w-]{1,32}\s+)?"
    + _Q
    + r"((?=[^\s\"']*[^A-Za-z\s\"'])[^\s\"']{6,})"
    + _Q
    + r"\s*$",
    r"\bnet user\s+\S+\s+([^\s/*]\S*)(?=\s+/|\s*$)",
    r"\bkey content\s{0,16}:\s{0,4}(\S+)",
    r"\bpassword for [^=\n]{1,100}?=\s{0,3}(?:password\()?[\"']([^\"']+)[\"']",
    r"\bpass(?:word|phrase| phrase) for [^:=\n]{1,80}:\s{0,3}((?=\S*\d)\S{4,})",
    r"\bpass(?:word|wd)? for \S{1,64} (?:is|was|changed to|set to"
    r"|reset to)\s+" + _Q + r"([^\s\"']{3,})",
    r"\b(?:use|enter|with|your) (?:the |this )?code:? ((?:[A-Z]-)?\d{4,8})\b",
    r"\b(?:credentials?|creds|login|userpass|user:pass)\s?[:=]?\s"
    + _Q
    + r"([A-Za-z][\w.@+-]{1,40}:(?=[^\s\"']*\d)[^\s\"'/,;]{4,64})",
    r"(?:^|[>\s])(?-i:PASS)[ ](?=[^\s./]*\d)((?=[^\s./]*[A-Za-z])[^\s./\"']{4,64})(?=\s|$)",
    r"(?-i:AUTH LOGIN)\s+[\w+/=]{4,64}\s+([\w+/=]{4,128})",
    r"\bnet use\s+(?:[A-Za-z]:|\*)?\s{0,4}\S+\s+([^\s/]\S*)(?=\s+/user:)",
    r"\bConvertTo-SecureString\s+(?:-String\s+)?[\"']([^\"']+)[\"']",
    r"\b(?:setx|(?-i:ENV|ARG))\s+(?:/\w\s+)?\w{0,40}(?:TOKEN|SECRET|PASS(?:WORD|WD)?|PWD|_KEY"
    r"|CREDENTIALS?)\s+" + _Q + r"([^\s\"']{4,})",
    r"\bssh-keygen\b[^|;\n]{0,200}?\s-[NP]\s{1,2}" + _Q + r"([^\s\"']+)",
    r"\bopenssl\b[^|;\n]{0,200}?\s-k\s+" + _Q + r"([^\s\"']+)",
    # user:password@host without a scheme: DSNs of Go, Oracle, proxies.
    r"(?:^|[\s\"'=(`])//([\w.+%-]{1,64}:[^\s\"'@/]{3,128})@(?=[\w.-])",
    r"(?:^|[\s\"'=(`])([\w.+%-]{1,64}:[^\s\"'@/]{3,128})@(?:tcp|unix|\(|//"
    r"|[\w-]+(?:\.[\w-]+)+[:/]|[\w.-]+:\d{2,5})",
    r"\bthin:[\w.]+/([^\s@\"']+)@",
    # .pgpass
    r"^[\w.*-]+:(?:\d{2,5}|\*):[\w*-]+:[\w*-]+:([^\s]+)$",
    r"\bauth\s{0,3}=\s{0,3}\(\s{0,3}[\"'][^\"']{0,64}[\"']\s{0,3},\s{0,3}[\"']([^\"']+)[\"']",
    r"\b(?:HTTPBasicAuth|BasicAuth|NetworkCredential"
    r"|basic_auth)\(\s{0,3}[\"'][^\"']{0,64}[\"']\s{0,3},\s{0,3}[\"']([^\"']+)[\"']",
    r"\b(?:your|the)(?: [\w-]{1,20}){0,3} code(?: is)?:? ((?:[A-Z]-)?\d{4,8})\b",
    r"\b((?:[A-Z]-)?\d{4,8}) is your(?: [\w-]{1,20}){0,4} (?:code|otp|pin|password)\b",
    # /etc/shadow and htpasswd keep their hashes to the shape rules; seeds of wallets by key.
    r"\b(?:user|username|login)[:=]\s{0,2}\S{1,64}\s{1,3}(?:pw|pass)\b[:=]?\s{0,2}(\S+)",
)
_PATTERNS = [Lazy(source, re.IGNORECASE) for source in _SOURCES]
GATE = (
    r"(?i)\)\s*values?\s*\(",
    r"(?i)\b(?:mysql|mariadb|mycli|sshpass|curl|wget|redis-cli|7z|zip|unzip|docker|podman"
    r"|helm|mongo|psql"
    r"|cqlsh|influx|sqlcmd|bcp|isql|ldap|xfreerdp|smbclient|psexec|lftp|mosquitto|net user?"
    r"|key content|pass\w* ?\w* for|htpasswd"
    r"|sqlplus|cmdkey|auth |setx|ssh-keygen|convertto-securestring|openssl|echo|snowsql|oc|az"
    r"|heroku|http) ?",
    r"(?-i:\bENV |\bARG |\bPASS )|\bcode:? (?:[A-Z]-)?\d|(?i)\b(?:credentials?|creds|login"
    r"|userpass):? ?\S+:",
    r"(?i)auth\s*=\s*\(|basic_?auth\(|networkcredential\(|code(?: is)?:? (?:g-)?\d"
    r"|\d is your |-pass(?:in|out)? |/p(?:ass|assword|wd)?:|thin:|:[^\s@/]+@|:(?:\d{2,5}"
    r"|\*):[\w*-]+:[\w*-]+:",
)


def scrub_commands(text: str) -> str:
    """Replaces secrets that only the command or the layout around them makes known."""
    for pattern in _PATTERNS:
        text = pattern.sub(_replace, text)
    return text


_SLOT_INSIDE = Lazy(r":(?:\$[{(A-Za-z_]|<\w|\{\{|%[A-Z_]+%|\*{3})")
_HOST_AFTER = Lazy(rf"{ph.SECRET}@(?!localhost\b|127\.|tcp\()[\w.-]{{1,128}}")


def _replace(match: re.Match[str]) -> str:
    secret = match[1]
    if _SLOT_INSIDE.search(secret):
        return match[0]
    if ph.has_mark(secret) or not is_secret(secret, Kind.STRONG, False) or secret.startswith("$"):
        return match[0]
    start, end = match.start(1) - match.start(), match.end(1) - match.start()
    whole = match[0]
    return whole[:start] + ph.SECRET + whole[end:]


def scrub_hosts_after(text: str) -> str:
    """``{SECRET}@db7:5432``: what stands behind credentials is a host."""
    if f"{ph.SECRET}@" not in text:
        return text
    return _HOST_AFTER.sub(ph.SECRET + "@" + ph.HOST, text)
