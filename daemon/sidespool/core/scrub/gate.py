"""Tells in one pass of RE2 which kinds of finding a text can hold at all.

The set matches all patterns at once in time linear in the text. A pattern here may fire once too
often, never once too rarely: the exact work is the passes'. Its state is built as texts arrive.
"""

from sidespool.core.scrub import command, token
from sidespool.core.scrub import placeholder as ph

ANSI = 1 << 0
BLOCK = 1 << 1
PERCENT = 1 << 2
LITERAL = 1 << 3
TOKEN = 1 << 4
NAMED = 1 << 5
COMMAND = 1 << 6
URL = 1 << 7
PATH = 1 << 8
MAIL = 1 << 9
NETWORK = 1 << 10
DIGITS = 1 << 11
OFFICIAL = 1 << 12
IDENTITY = 1 << 13
HOST = 1 << 14
NAMES = 1 << 15
ENTROPY = 1 << 16
AWAIT = 1 << 17
MARKS = 1 << 18
# All that the result of a plain frame may still hold.
FRAME = PATH | MAIL

_SOURCES: tuple[tuple[int, str], ...] = (
    (ANSI, r"\x1b|\x{9b}"),
    (MARKS, r"[\x{fdd0}-\x{fdef}]"),
    (BLOCK, r"-----BEGIN|PuTTY-User-Key-File"),
    (PERCENT, r"%[0-9A-Fa-f]{2}"),
    (LITERAL, r"\\[\"nrtu/\\]"),
    (
        NAMED,
        r"(?i)(?:pass|pwd|pswd|psw|psk|kennwort|contrase|senha|has[lł]o|пароль|密码"
        r"|パスワード"
        r"|mot.?de.?passe|secret"
        r"|token|credential|auth|cookie|csrf|xsrf|jwt|bearer|nonce|mnemonic|webhook|key"
        r"|codes?|connection.?string"
        r"|sess|sid|otp|mfa|2fa|pin|cv[vc]2?|sig|salt|seed|dsn|verifier|assertion"
        r"|dockerconfigjson|\bpw|phrase|words)[\pL\w-]*(?:\[\w*\])?"
        r"(?:(?:[\"'\]\\\x60»”’]|&quot;|&#3[49];)*\s*(?:[:=>,(：<]|->)|\s+(?:is|was|are|set"
        r"|equals|ist|lautet"
        r"|est|es|reads?|of|value|changed|provided|supplied|given|received|used|sent)\b"
        r"|\s*[\"'\x60\\<]|\s+\S*\d)",
    ),
    (
        AWAIT,
        r"(?m)(?:[:=|>\\+-]|[:=]\s*[|>][+-]?"
        r"|(?i:name|key)[\"']?\s*[=:]\s*[\"']?[\w.-]+[\"']?,?)[ \t\r]*\n",
    ),
    (
        NAMED,
        r"(?i)requirepass|masterauth|identified by|\b(?:basic|bearer|negotiate|ntlm|token"
        r"|apikey)(?:\s|%20|\+)+[A-Za-z0-9._~+/=|-]{8}"
        r"|--?[\w-]*(?:pass|pwd|secret|token|key|auth|cred)[\w-]*\s|login\s+\S+\s+password"
        r"|machine\s.*password"
        r"|(?:key|token|secret)s?\s+[\w.+/=-]{16}",
    ),
    (URL, r":\\*/\\*/|(?i)www\.|(?i)\b(?:data|mailto|magnet|otpauth|tel|jdbc):|@[\w.-]+:"),
    (
        PATH,
        r"(?m)(?:^|[^\w.)\]-])[\\/][^\s>]|[A-Za-z]:\\*[\\/]|(?i)~[\w.-]*[\\/]"
        r"|(?i)[$%{:]\w*(?:HOME|PROFILE|APPDATA"
        rf"|TEMP|TMP|PUBLIC|ONEDRIVE)\w*[}}%)]?[\\/]|(?i)[\\/](?:users|home)[\\/]"
        rf"|['\"](?:Users|home)['\"],|[{ph.ROOT_MARKS}][\\/]|_PATH\}}[\\/]",
    ),
    (MAIL, r"@|[\[(](?:at|AT)[\])]"),
    (
        NETWORK,
        r"\d\.\d{1,3}\.\d{1,3}\.\d|(?:[0-9A-Fa-f]{1,4}[:-]){3}|::[0-9A-Fa-f]|[0-9A-Fa-f]::"
        r"|[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.|(?i)(?:mac|mac.?addr\w*|hwaddr|ether|bssid"
        r"|physical address)[\"'\\]*\s*[:=. ]\s*[\"'\\]*[0-9a-f]{12}",
    ),
    (
        DIGITS,
        r"\+\d|\d{4}\.\d{4}\.|\(\+?\d{2,5}\)|\d{2,5}[ ./-]\d{2,}[ ./-]?\d{2}|\d{12}|\d{4}[ -]\d{4}"
        r"|[A-Za-z]{2}\d{2}[ -]?[A-Za-z0-9]{4}[ -]?[A-Za-z0-9]{4}"
        r"|(?i)\b(?:phone|tel\w*|mobile|cell\w*|fax|whatsapp|sms|handy|msisdn|call"
        r"|contact)\b|(?i)phone",
    ),
    (
        OFFICIAL,
        r"\d{3}-\d{2}-\d{4}|\b[A-Za-z]{2} ?\d{2} ?\d{2} ?\d{2}|\d{3}\.\d{3}[./-]"
        r"|[A-Z]{5,6}\d{2}|\d{7,8}-?[A-Z]\b|[XYZ]\d{7}"
        r"|\d{6}[-+]\d{4}|756\.|\b[12] ?\d{2} ?\d{2} ?|S-1-|°|\d\.\d{4,}, ?-?\d"
        r"|(?i)\bvat\b|ust-?id|\bdob\b|birth|\bborn\b|geburts|geboren|geb\.|insee|passe?port|pasaporte|reisepass"
        r"|passnummer|versicherten|ssn|social.?security|national|passport"
        r"|licen[cs]e|tax.?id|steuer|ausweis|versicherungsnummer|aadha|pan card"
        r"|(?i)\b(?:nino|ni|nhs|bsn|pesel|cpf|cnpj|curp|dni|nie|nif|sin|cuil|cuit|rut|itin"
        r"|ein|nric|hkid|nir|egn|cnp|oib|jmbg|medicare|id card|identity)\b"
        r"|(?i)personnummer|codice|my.?number|curité sociale"
        r"|(?i)machine|device|hardware|hwid|hw.?id|serial|s/n|platform.?uuid|product.?uuid"
        r"|boot.?id|dmi.?uuid|android.?id|advertising|idf[av]|[ga]aid|im[es]i|meid|iccid"
        r"|udid"
        r"|(?i)volume|smbios|system.?uuid|computer.?id|guid|bluetooth|chip.?id|ecid"
        r"|(?i)\b(?:lat|latitude|lng|lon|long|longitude|altitude|gps|geo|coord\w*|location"
        r"|latlng|latlong|standort)\b",
    ),
    (
        IDENTITY,
        r"(?i)(?:user|login|logname|account|name|owner|principal|benutzer|utilisateur"
        r"|usuario|whoami|nom|assignee|requester|identity|uid|userid|as|role|id"
        r"|host|computer|node.?name|server|workstation|domain|data source|addr|address|fqdn"
        r"|ssid)[\"'\]\\]*\s*(?:[:=]|->)|['\"`]@['\"`]",
    ),
    (
        IDENTITY,
        r"(?i)\b(?:user|role|login|account|username|principal|owner)(?: named| with name"
        r"| name)? [\"'`«“]|for (?:invalid )?user |(?:accepted|failed) \S+ for "
        r"|(?:logged|signed|log) (?:in|on) as |running as |run as |authenticated as "
        r"|impersonat|owned by |welcome|\bsu: |hello|\bhi,? |\bdear |USER=|NAME="
        r"|modified by "
        r"|locked by |denied to |checked out by |chown |[ug]id=\d|\w@[\w.-]+[]:$#%> ]"
        r"|\b(?:ssh|scp|sftp|mosh|rsync) |AzureAD\\|Account\\|r[w-][xsStT-]|\buser \w|sudo:"
        r"|sudo -u |\bsu - |crontab for "
        r"|:x:\d|['’]s (?:mac|imac|ipho|ipad|pc|lap|comp)",
    ),
    (IDENTITY, r"\b[A-Z][A-Z0-9-]+\\+[A-Za-z]"),
    (
        HOST,
        r"(?i)(?:DESKTOP|LAPTOP|WIN|PC|EC2AMAZ|ip)-[A-Za-z0-9]{1,12}|-(?:macbook|imac|mac"
        r"|iphone|ipad|pc|laptop)|(?:macbook|imac|mac|pc|laptop|iphone)[\w-]*-(?:de|von|di"
        r"|van|fra|af|som)-"
        r"|\.(?:local|lan|corp|intranet|internal|localdomain|arpa|box|intra|private|ad)\b"
        r"|ENOTFOUND|EAI_AGAIN|ECONN|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|resolve host"
        r"|to resolve|not resolve|unknown ?host|no such host|translate host|name or service"
        r"|name resolution|getaddrinfo"
        r"|connect|lookup|reach host|\bping|host key|known host|nslookup|altnames"
        r"|host(?:name)? [\"'\x60]",
    ),
    (
        ENTROPY,
        r"[A-Za-z0-9+_=-]{12}\d|\d[A-Za-z0-9+_=-]{12}|[A-Za-z+]{40}"
        r"|[A-Za-z0-9+]{4,}/[A-Za-z0-9+]{10,}",
    ),
)


class Gate:
    """A compiled set. Compiling takes a few milliseconds, so it waits for the first text."""

    def __init__(self, name_sources: list[str]) -> None:
        self._names = name_sources
        self._bits: list[int] = []
        self._set: object | None = None

    def fired(self, text: str) -> int:
        """Sum of the kinds that may be in ``text``; 0 means that nothing is."""
        if self._set is None:
            self._compile()
        try:
            hits = self._match(text)
        except UnicodeEncodeError:  # lone surrogates
            hits = self._match(text.encode("utf-8", "surrogatepass"))
        if not hits:
            return 0
        bits = self._bits
        kinds = 0
        for hit in hits:
            kinds |= bits[hit]
        return kinds

    def _compile(self) -> None:
        import re2

        made = re2.Set.SearchSet()
        sources = [*_SOURCES, *((TOKEN, source) for source in token.gate_sources())]
        sources += [(COMMAND, source) for source in command.GATE]
        sources += [(NAMES, source) for source in self._names]
        for kind, source in sources:
            if made.Add(source) < 0:
                raise ValueError(f"RE2 refuses {source!r}")
            self._bits.append(kind)
        made.Compile()
        self._match = made.Match
        self._set = made
