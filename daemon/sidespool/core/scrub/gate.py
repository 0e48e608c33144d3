"""Tells in one pass of RE2 which kinds of finding a text can hold at all.

The set matches all patterns at once in time linear in the text. A pattern here may fire once too
often, never once too rarely: the exact work is the passes'. Its state is built as texts arrive.
"""

from sidespool.core.scrub import command, table, token
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
TABLE = 1 << 19
SESSION = 1 << 20
# All that the result of a plain frame may still hold. Escapes only count between quotes.
FRAME = PATH | MAIL | LITERAL | ENTROPY

# Room for an automaton's states, built as texts come. States of unlike patterns multiply, so one
# automaton for all serves short texts only, whose words repeat; varied stacks would fill any room
# and start over again and again. They are shown to one small automaton for each group instead.
_WHOLE_MEMORY = 4 << 20
_PART_MEMORY = 2 << 20
_SHORT = 512
_ACROSS = ANSI | MARKS | BLOCK | AWAIT | TABLE  # what reaches over lines or hides their text
_PARTS = (
    TOKEN,
    OFFICIAL | DIGITS | NETWORK,
    NAMED | AWAIT | COMMAND | TABLE,
    IDENTITY | SESSION | HOST,
)

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
        r"|saml|dockerconfigjson|\bpw|(?:bind|root|user)pw|phrase|words)[\pL\w-]*(?:\[\w*\])?"
        r"(?:(?:[\"'\]\\\x60»”’]|&quot;|&#3[49];|\\+u0022)*[\s.]*(?::(?:[^:]|$)|::[\s\"']|[=>：]"
        r"|->)"
        r"|[\"'\x60]+\s*,|\s+(?:is|was|are"
        r"|set|equals|ist|lautet"
        r"|est|es|reads?|of|value|changed|provided|supplied|given|received|used|sent)\b"
        r"|\s*<-|\s+value\s?=|\s*,\s*[\"'\\]|\s\.\s[\"']"
        r"|[ \t\x60*]*\||\s*(?:\\*[\"'\x60]|\\+u003|<<<)|\(\s*[bru]?\\*[\"']"
        r"|\s+[^\s\"'=:({\[<,;.)-]\S*\d)",
    ),
    (
        AWAIT,
        r"(?m)(?:variable [^\n]*\{|[:=|>\\+-]|[:=]\s*[|>][+-]?"
        r"|(?i:name|key)[\"']?\s*[=:]\s*[\"']?[\w.-]+[\"']?,?)[ \t\r]*\n",
    ),
    (
        NAMED,
        r"(?i)requirepass|digest user|masterauth|identified by"
        r"|\b(?:basic|bearer|negotiate|ntlm|token"
        r"|apikey|geniekey)(?:\s|%20|\+)+[A-Za-z0-9._~+/=|-]{8}"
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
        r"|\.(?i:docx?|docm|odt|rtf|pdf|xls[xm]?|ods|pptx?|odp|pages|numbers|eml|msg|pst|kdbx"
        r"|vcf)\b"
        r"|(?i:file|datei|fichier|archivo|document|dokument|image|photo|foto|bild|item"
        r"|folder)\s[“„«\"'‘]"
        rf"|['\"](?:Users|home)['\"],|[{ph.ROOT_MARKS}][\\/]|_PATH\}}[\\/]",
    ),
    (MAIL, r"@|[\[(](?:at|AT)[\])]"),
    (
        NETWORK,
        r"\d\.\d{1,3}\.\d{1,3}\.\d|[0-9A-Fa-f][:-][0-9A-Fa-f]{1,4}[:-][0-9A-Fa-f]{1,4}[:-]"
        r"|(?:^|[^\w:])(?:[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,6})?::[0-9A-Fa-f\d]"
        r"|(?:^|[^\w])(?:[0-9A-Fa-f]{3,4}(?::[0-9A-Fa-f]{1,4}){0,6})::"
        r"|(?:^|[^\w])[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.|(?i)(?:mac|mac.?addr\w*|hwaddr|ether|bssid"
        r"|physical address)[\"'\\]*\s*[:=. ]\s*[\"'\\]*[0-9a-f]{12}",
    ),
    (
        DIGITS,
        r"\+[1-9]|wa\.me/|\d{4}\.\d{4}\.|\(\+?\d{2,5}\)|\d{2,5}[ ./-]\d{2,}[ ./-]?\d{2}|\b\d{12}"
        r"|\d{4}[ -]\d{4}"
        r"|(?:^|[^A-Za-z0-9])[A-Za-z]{2}\d{2}[ -]?[A-Za-z0-9]{4}[ -]?[A-Za-z0-9]{4}"
        r"|(?i)\b(?:iban|acct|blz|konto|routing|sort.?code|bankleitzahl|rekeningnummer)"
        r"|(?i)account.?(?:no|nr|number)\b|num[ée]ro de c"
        r"|(?i)\b(?:phone|tel\w*|mobile|cell\w*|fax|whatsapp|sms|handy|msisdn|call|portable"
        r"|m[óo]vil"
        r"|contact|r(?:ü|ue)ckruf|телефон|電話|电话|手机)(?:\b|[_\W])|(?i)phone",
    ),
    (
        OFFICIAL,
        r"\b[A-Za-z]?\d{7}|\d-\d{4}|\d{5}-\d|\d{6}[-+A-Y]\d{3}|\d{3}\.\d{3}[./-]|\.\d{2}-\d|756\."
        r"|[A-Z]{5}\d{2}|[A-Z]\d{6}|\d-[A-Z][A-Z0-9]\d-"
        r"|\b[A-Za-z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-Da-d]\b|\b[12] \d{2} \d{2} "
        r"|S-1-|°|\.\d{4,} ?[/;, ] ?-?\d"
        r"|(?i)\bdob\b|birth|\bborn\b|geburts|geboren|geb\.|n[ée]e? le|nacimiento|nascita"
        r"|nascimento|geboortedatum|生年月日|出生日期|дата рождения"
        r"|(?i)insee|passe?port|pasaporte|passaporto|paspoort|reisepass|passnummer|\bssn\b"
        r"|social.?(?:security|insurance)|national|identi(?:ty|fi[ck]ation)|citizen|resident"
        r"|\brrn\b"
        r"|licen[cs]e|\bdl.n|f(?:ü|ue)hrerschein|permis\b|patente|rijbewijs|prawo jazdy|\btax"
        r"|\btfn\b"
        r"|\bird\b|steuer|\bid-?nr|ausweis|perso-?nr|versicher|\bsv-?n|\bahv|kvnr|aadha|\bpan\b"
        r"|voter|epic.no"
        r"|gstin|\bnino\b|\bnhs\b|\bbsn\b|burgerservice|rijksregister|\bniss\b|\bpps|\bamka\b"
        r"|\bafm\b"
        r"|\bpesel|regon\b|\bcpf\b|\bcnpj\b|\bcurp\b|\bcui[lt]\b|\brfc\b|c[ée]dula|\bitin\b"
        r"|\b(?:ein|sin|ni[efprk]?|dni|rut|rg|tin|inn|cnp|tva|abn)\b|nric|hkid|fiscale|partita"
        r"|curit[ée] sociale|personnummer|\bcpr|dselsnummer|kennitala|tunnus|\bhetu\b|isikukood"
        r"|asmens"
        r"|rodn[ée]|\begn\b|\boib\b|jmbg|emso|szem[ée]lyi|kimlik|\bt\.?c\.? no|zehut|emirates"
        r"|iqama|cnic"
        r"|mykad|\bktp\b|my.?number|\bvat\b|ust-?id|snils|medicare|id.card|身份证|證件|个人编号|護照|护照"
        r"|マイナンバー|個人番号|旅券番号|운전면허|주민등록번호|여권번호"
        r"|паспорт|инн|снилс|תעודת זהות"
        r"|(?i)machine|device|hardware|hwid|hw.?id|serial|s/n|platform.?uuid|product.?uuid"
        r"|boot.?id|dmi.?uuid|android.?id|advertising|idf[av]|[ga]aid|im[es]i|meid|iccid"
        r"|udid|\bvin\b|vehicle id|fahrgestell|seriennummer|service tag|asset tag"
        r"|@-?\d{1,2}\.\d{4}|(?:POINT|STRING|POLYGON) ?Z?M? ?\(|\b[NS] ?\d{1,2}\.\d\d"
        r"|\.\d+ ?[NS]\b"
        r"|(?i)koordinaten|coord"
        r"|(?i)volume|bios|system.?uuid|computer.?id|guid|bluetooth|chip.?id|ecid"
        r"|(?i)(?:\b|gps|_)(?:lat|latitude|lng|lon|long|longitude|altitude|gps\w*|geo|coord\w*"
        r"|location"
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
        r"|modified by |locked by |denied (?:to|for) |checked out by |chown "
        r"|AzureAD\\|Account\\|\buser \w|sudo -u |\bsu - |crontab for |user\.name"
        r"|[\"'](?:name|login|label|title)\\*[\"']\s*:|\b(?:dc|cn|uid)=\w"
        r"|(?:author|committer|reviewer|maintainer|customer|patient|employee|assignee|sender"
        r"|recipient|contact|client|kunde|autor|auteur)[\\\"']*\s*[:=]"
        r"|<\w*:?(?:user|login|account|owner|\w+name)>"
        r"|=[\"'](?:user.?name|user|user ?id|login)[\"']\s"
        r"|['’]s (?:mac|imac|ipho|ipad|pc|lap|comp|password:)"
        r"|(?:computer|machine|host|pc|workstation|device)[ -]?name [a-z0-9]"
        r"|(?:computer|workstation) [a-z0-9-]+[0-9-]",
    ),
    (
        SESSION,
        r"(?m)[ug]id=\d|\w@[\w.-]+[]:$#%> ]|\b(?:ssh|scp|sftp|mosh|rsync|ssh-copy-id) |sudo:"
        r"|r[w-][xsStT-]|\d\([\w.$-]+\)|:x:\d|\d [+-]\d{4}\s+\d+\)|\blogin[ \t]\S+[ \t]+passw"
        r"|^[A-Za-z_][\w.+-]* +(?:\d+ +\d+\.?\d* +\d|tty\w|pts/|console |:\d)"
        r"|^ *\d+ +[A-Za-z_][\w.+-]* +(?:-?\d+|rt) +-?\d"
        r"|^[\w.+() -]+ +\d+ +[A-Za-z_][\w.+-]* +(?:\d+[urwW-]|cwd|rtd|txt|mem|DEL)"
        r"|\b(?:as|to) [\w.-]+@\w"
        r"|^(?:<\d+>)?[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d [\w.-]+ ",
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
        # One class and one count: "a digit, then twelve" keeps a state for each set of digits seen.
        r"[A-Za-z0-9+_=-]{20}|\d[A-Za-z0-9+]*/[A-Za-z0-9+]{8}",
    ),
)


# A shape with a counted run in front, which multiplies with the other tokens'.
_COUNTED_SHAPE = "(?:live|test|prod|"


class _Look:
    """One automaton. Compiling takes a few milliseconds, so it waits for the first text."""

    def __init__(self, sources: list[tuple[int, str]], memory: int) -> None:
        self._sources = sources
        self._memory = memory
        self._bits = [kind for kind, _ in sources]
        self._set: object | None = None

    def fired(self, text: str) -> int:
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

        options = re2.Options()
        options.max_mem = self._memory
        made = re2.Set.SearchSet(options)
        for _, source in self._sources:
            if made.Add(source) < 0:
                raise ValueError(f"RE2 refuses {source!r}")
        made.Compile()
        self._match = made.Match
        self._set = made


class Gate:
    """The looks at a text; each gives the sum of the kinds that may be in it, 0 for none."""

    def __init__(self, name_sources: list[str]) -> None:
        sources = [*_SOURCES, *((TOKEN, source) for source in token.gate_sources())]
        sources += [(TABLE, table.GATE)]
        sources += [(COMMAND, source) for source in command.GATE]
        sources += [(NAMES, source) for source in name_sources]
        self._whole = _Look(sources, _WHOLE_MEMORY)
        self._short = self._whole.fired
        across = [one for one in sources if one[0] & _ACROSS]
        self.across = _Look(across, _PART_MEMORY).fired
        self._parts = [_Look(part, _PART_MEMORY).fired for part in _parted(sources)]

    def fired(self, text: str) -> int:
        """For text of any length, and the cheapest for a short one without a finding."""
        return self._short(text) if len(text) <= _SHORT else self.apart(text)

    def apart(self, text: str) -> int:
        """For lines of stacks, which hardly ever repeat their words."""
        kinds = 0
        for look in self._parts:
            kinds |= look(text)
        return kinds


def _parted(sources: list[tuple[int, str]]) -> list[list[tuple[int, str]]]:
    """The sources in groups of ``_PARTS``, and the rest."""
    parts: list[list[tuple[int, str]]] = [[] for _ in range(len(_PARTS) + 1)]
    for kind, source in sources:
        rest = len(_PARTS) if _COUNTED_SHAPE in source else None
        found = next((n for n, kinds in enumerate(_PARTS) if kind & kinds), len(_PARTS))
        parts[found if rest is None else rest].append((kind, source))
    return parts
