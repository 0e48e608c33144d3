"""Account and host names by the key or the phrase in front of them, whoever they belong to."""

from sidespool.core.scrub import placeholder as ph
from sidespool.core.scrub.context import GENERIC_NAMES
from sidespool.core.scrub.lazy import Lazy

import re  # isort: skip
from sidespool.core.scrub.lexicon import words

_KEY_END = r"(?:\\{0,7}[\"'\]])?[ \t]{0,3}(?P<op>=>|[:=]|->)[ \t]{0,3}"
_VALUE = (
    r"(?:(?P<open>\\{0,7}[\"'])(?P<quoted>[^\"'\\\n]{1,128})(?=\\{0,7}[\"'])"
    r"|(?P<bare>[^\s\"'`,;:&<>(){}\[\]|=\\]{1,64}(?:\\[^\s\"'`,;&<>|\\nrt][^\s\"'`,;&<>"
    r"|\\]{1,64})?))"
)
_USER_KEY = Lazy(
    r"(?P<lead>(?<![\w-])(?:[A-Za-z]+[_.-]){0,2}(?:user|username|user[ _-]?name|login"
    r"|login[_-]?name|logname|log_?user|account[ _-]?name"
    r"|display[ _-]?name|full[ _-]?name|first[ _-]?name|last[ _-]?name|family[ _-]?name"
    r"|given[ _-]?name|real[ _-]?name|nick[ _-]?name|sur ?name|user ?id|uid"
    r"|owner|sam_?account_?name|principal|benutzer(?:name)?|utilisateur|usuario"
    r"|customer[ _-]?name|cardholder(?:[ _-]?name)?|account|sudo_user"
    r"|whoami|nom|prenom|vorname|nachname|assignee|requester|email_?user|user\.name"
    r"|author_?name|committer_?name|identity|run ?as|login as|logged in as|signed in as)"
    + _KEY_END
    + r")"
    + _VALUE,
    re.IGNORECASE,
)
# A surname behind "displayName: {USER}"; behind "user: {USER}" only where the value ends.
_SURNAMES = Lazy(
    r"(?P<full>(?i:(?:display|full|real|customer|cardholder|author|committer|given|family)"
    r"[ _-]?name)|(?i:user(?:[ _-]?name)?|owner|assignee|requester))"
    rf"[ \t]{{0,3}}(?:=>|[:=])[ \t]{{0,3}}{ph.USER}"
    r"(?P<rest>(?:[ ](?:(?:van|von|der|den|de|la|le|di|da|del|dos|bin|al|el|zu|y)[ ]){0,2}"
    r"[^\W\d_a-z][\w'’-]{1,30}\.?){1,3})(?![\w:=({\[/\\])(?P<ends>(?=\s{0,2}(?:$|[(,;<|\n])))?"
)
# "Computer name KONTOR-PC7 joined": capitals with a digit or a hyphen inside.
_HOST_WORD = Lazy(
    r"(?P<lead>\b(?i:(?:computer|machine|host|pc|workstation|device)[ -]?name"
    r"|computer|workstation) )"
    r"(?=[\w-]{0,30}[A-Z])(?=[A-Z]+\d|\w+-\w|\d+[A-Z])[A-Z0-9][A-Za-z0-9-]{2,30}(?![\w-]|\.\w)"
)
_HOST_KEY = Lazy(
    r"(?P<lead>(?<![\w-])(?:[A-Za-z]+[_.-]){0,2}(?:host|host[ _-]?name|computer[ _-]?name"
    r"|machine[ _-]?name|node[ _-]?name|server|server[ _-]?name|servername"
    r"|workstation(?:[ _-]?name)?|user ?domain|user_?dns_?domain|logonserver"
    r"|client[_-]?name|device[ _-]?name|pc[ _-]?name|data source|addr|address"
    r"|remote[_ -]?host|fqdn|nodename|x-forwarded-host|ssid|wifi[ _-]?name)"
    + _KEY_END
    + r"(?:(?:tcp|np|lpc|admin):)?)"
    + _VALUE,
    re.IGNORECASE,
)
_PHRASES = Lazy(
    r"(?P<lead>\b(?:(?:for|by|as|of|from|the|db|database|invalid|unknown|system|local"
    r"|remote|login|os|unix|linux)? ?(?:user|role|login|account|username|principal|owner)"
    r"(?: named| with name| name)? (?=[\"'`«“])|for (?:invalid )?user |(?:accepted"
    r"|failed) [\w/-]{3,30} for (?:invalid user )?"
    r"|logged in as |signed in as |log(?:ged)? on as |running as (?:user )?|run as user "
    r"|authenticated as |impersonat\w+ |owned by (?:user )?"
    r"|sudo -u |\bsu - |crontab for "
    r"|session (?:opened|closed) for user |welcome(?: back)?, |su: |whoami\s{1,4}|hello,? "
    r"|hi,? (?=[A-Z])|dear (?=[A-Z])|USER=|LOGNAME=|USERNAME=|last modified by "
    r"|locked by (?:user )?|denied to (?:user )?|denied for (?:user )?|checked out by "
    r"|(?<!to )chown (?:-R )?)"
    r"[\"'`«“]?)(?P<bare>(?<=[\"'`«“])[^\W_][^\"'`»”\n<>{}]{1,60}(?=[\"'`»”])"
    r"|[^\W_][\w.\\-]{1,40}(?:(?<=[a-z]) [A-Z][\w'’-]{1,30}(?![\w=]))?)(?![\w@]"
    r"|\((?!uid=))(?!\.\w)",
    re.IGNORECASE,
)
_SQL_USER = Lazy(
    rf"(?P<lead>['\"`])(?P<bare>[\w.${ph.MARKS}-]{{1,64}})(?P<at>['\"`]@['\"`])(?P<host>"
    rf"[^'\"`\s]{{1,128}})(?=['\"`])"
)
_DOMAIN_USER = Lazy(
    r"(?<![\\/\w:.-])(?P<domain>[A-Z][A-Z0-9-]{1,14})\\{1,4}(?P<user>[^\W\d_][\w.-]{1,40}"
    r"(?: (?=[^\W\d_a-z])[\w'’-]{2,30}){0,2})(?![\\\w(])"
)
_DOMAIN_LEFT = Lazy(rf"(?<![\\/\w:.-])[A-Z][A-Z0-9-]{{1,14}}(?=\\{{1,4}}{ph.USER})")
_AZURE_USER = Lazy(
    r"(?<![\w\\])(?P<domain>AzureAD|MicrosoftAccount"
    r"|WORKGROUP)\\{1,4}(?P<user>[A-Za-z][\w.@-]{1,60})"
)
_NOT_DOMAINS = words(
    "NT BUILTIN HKLM HKCU HKCR HKU HKCC IIS APPPOOL SERVICE REGISTRY DEVICE SOFTWARE SYSTEM CN"
    " DC OU"
)
_USER_DID = Lazy(
    r"(?P<lead>\b[Uu]ser )(?P<bare>[^\W\d_][\w.-]{1,40})(?= (?:logged|signed|connected"
    r"|disconnected|joined|left|attempted|tried|authenticated|from|does not exist|not found"
    r"|has been)\b)"
)
_GIT_NAME = Lazy(
    r"(?P<lead>\buser\.name[ =][\"']?)(?P<bare>[^\W\d_][^\"'\n;|&<>]{1,60}?)(?=[\"']|$)"
)
_NAME_INSIDE = Lazy(
    r"(?P<lead>[\"'](?:user|author|owner|customer|person|contact|assignee|creator|sender|recipient"
    r"|employee|patient|committer"
    r"|member)\\{0,3}[\"']\s{0,3}:\s{0,3}\{[^{}]{0,160}?\\{0,3}[\"'](?:name|login|label"
    r"|title)\\{0,3}[\"']"
    r"\s{0,3}:\s{0,3}\\{0,3}[\"'])(?P<bare>[^\"'\\\n]{2,80})",
    re.IGNORECASE,
)
_DIRECTORY = Lazy(
    r"(?P<lead>\b(?:cn|uid|mail|samaccountname)=)(?P<bare>[^,=\n\"']{2,64})(?=,\s?(?:ou|dc|o|cn"
    r"|c|l)=)",
    re.IGNORECASE,
)
_DIRECTORY_DOMAIN = Lazy(r"\bdc=[\w-]{1,64}(?:,\s?dc=[\w-]{1,64}){0,8}", re.IGNORECASE)
_AUTHORED = Lazy(
    r"(?P<lead>\b(?i:author|committer|reviewer|maintainer|customer|patient|employee|assignee"
    r"|sender"
    r"|recipient|contact|client|kunde|autor|auteur)\\{0,3}[\"']?\s{0,3}[:=]\s{0,3}\\{0,3}[\"']?)"
    r"(?P<bare>[^\W\d_a-z][\w'’.-]{1,30}(?: [^\W\d_a-z][\w'’.-]{0,30}){1,3})(?![\w(])",
)
_TAGGED = Lazy(
    r"(?P<lead><(?:\w{1,20}:)?(?:user_?name|user|login|account_?name|owner|full_?name"
    r"|first_?name|last_?name"
    r"|display_?name)>)(?P<bare>[^<>&\n]{2,64})(?=</)"
    r"|(?P<lead2>\b(?:key|name)=[\"'](?:user_?name|user|user ?id|login)[\"']\s{1,4}value=[\"'])"
    r"(?P<bare2>[^\"'\n]{2,64})",
    re.IGNORECASE,
)
_MAC_GREETING = Lazy(
    r"\b(?P<bare>[A-Z][\w-]{1,30})(?P<tail>['’]s (?:MacBook|iMac|Mac |iPhone|iPad|Mac-|PC\b"
    r"|Laptop|Computer))"
)

# ssh's own question: "karen's password:"
_ASKED = Lazy(r"(?<![\w'’])(?P<bare>[A-Za-z_][\w.@-]{1,40})(?=['’]s password:)")

_VERBS = words(
    "Failed Error ERROR WARN INFO DEBUG FATAL Login Logon"
    " Access Account Password User Cannot Could Is Was Has Not The"
    " On At Done"
)
_WORDS = words(
    """
    not no is was are were has had have does did do the a an and or but with without in on at to
    for from by of input output data agent agents interface interaction id ids name names info
    profile setting settings preference preferences session sessions object model table error
    errors exception invalid missing unknown required denied failed failure success successful
    expired locked disabled enabled active inactive deleted created updated must should cannot
    can could will would may might defined type types code codes mode space level event events
    action actions request requests response string number boolean undefined null none nil true
    false unauthorized forbidden unauthenticated anonymous guest account accounts password email
    login logout role roles group groups permission permissions access already exists found
    initiated cancelled canceled aborted interrupted prompt message messages experience guide
    manual story stories test tests testing service system root admin administrator nginx apache
    cloudflare gunicorn uvicorn envoy express microsoft-iis kestrel caddy openresty litespeed
    tomcat jetty cowboy gws akamai vercel netlify unavailable unreachable down up running
    stopped started starting ready busy connected disconnected closed open listening responding
    timeout timed offline online here there this that key value list array json text html world
    everyone all nobody somebody me you we they it us again back there friend sir madam team mr
    mrs ms customer developer developers user users default defaults primary secondary main
    local remote public private internal external any other another every each one two first
    last next previous current new old same own self owner someone somebody another others else
    nothing something wrong bad good ok okay off only too also just still yet now then when
    where which who why how authentication authorization verification validation registration
    consent feedback content home validate verify check create update delete insert select get
    set post put patch fetch find localhost server client host hostname port socket address
    addresses process thread process's mismatch verification unverified not-found selected
    chosen redacted filtered masked hidden
    mon tue wed thu fri sat sun monday tuesday wednesday thursday friday saturday sunday
    property str int bool bytes float optional varchar char uuid record nullable
    """
)


def scrub_keyed(text: str) -> str:
    """{USER} and {HOST} for values under an account's or a computer's key."""
    text = _SQL_USER.sub(_sql_user, text)
    text = _SURNAMES.sub(_surnames, _USER_KEY.sub(_keyed_user, text))
    text = _HOST_WORD.sub(lambda m: m["lead"] + ph.HOST, text)
    return _HOST_KEY.sub(_keyed_host, text)


def scrub_phrases(text: str) -> str:
    """{USER} and {HOST} in phrases, fields of people, directories and domain accounts."""
    text = _DOMAIN_USER.sub(_domain_user, text)
    text = _DOMAIN_LEFT.sub(ph.HOST, text)
    text = _AZURE_USER.sub(lambda m: m["domain"] + "\\" + ph.USER, text)
    text = _ASKED.sub(lambda m: m[0] if names_nobody(m["bare"]) else ph.USER, text)
    for pattern in (_USER_DID, _GIT_NAME, _NAME_INSIDE):
        text = pattern.sub(phrase, text)
    text = _TAGGED.sub(_tagged, text)
    text = _AUTHORED.sub(lambda m: m["lead"] + ph.USER, text)
    if "=" in text:
        text = _DIRECTORY.sub(phrase, text)
        text = _DIRECTORY_DOMAIN.sub(lambda m: m[0][:3] + ph.HOST, text)
    text = _MAC_GREETING.sub(lambda m: ph.USER + m["tail"], text)
    return _PHRASES.sub(phrase, text)


def _tagged(match: re.Match[str]) -> str:
    lead, name = match["lead"] or match["lead2"], match["bare"] or match["bare2"]
    return match[0] if names_nobody(name) else lead + ph.USER


_GREETINGS = ("hello", "hi", "welcome", "dear")


def names_nobody(value: str) -> bool:
    """True for values that name nobody."""
    lowered = value.strip("\"'`.,;:!?$").lower()
    return (
        not lowered
        or lowered in _WORDS
        or lowered in GENERIC_NAMES
        or ph.has_mark(value)
        or not any(c.isalpha() for c in lowered)
        or value[0] in "<${%[*#(@"
        or len(lowered) < 2
    )


def _keyed_user(match: re.Match[str]) -> str:
    quoted = match["quoted"] is not None
    value = match["quoted"] if quoted else match["bare"]
    key = match["lead"].lower()
    if names_nobody(value) or _is_code(value, match):
        return match[0]
    beside_secret = match["op"] == "=" and ph.SECRET in match.string
    if (
        not beside_secret
        and (
            "id" in key.split(":")[0][-8:]
            or "account" in key
            or "identity" in key
            or "principal" in key
        )
        and (_looks_like_id(value))
    ):
        return match[0]
    if quoted:
        if len(value.split()) > 4 or any(word.lower() in _WORDS for word in value.split()):
            return match[0]
        return match["lead"] + match["open"] + ph.USER
    value = value.rstrip(".,")
    return match["lead"] + ph.USER + match["bare"][len(value) :]


def _surnames(match: re.Match[str]) -> str:
    rest, key = match["rest"], match["full"].lower()
    whole = key.endswith("name") and not key.startswith("user")
    taken = 0
    for word in _WORD_OF_NAME.finditer(rest):
        bare = word[0].strip()
        if bare in _VERBS or (bare[0].isupper() and names_nobody(bare)):
            break
        taken = word.end()
    if not taken or not (whole or (taken == len(rest) and match["ends"] is not None)):
        return match[0]
    return match[0][: len(match[0]) - len(rest)] + rest[taken:]


_WORD_OF_NAME = Lazy(r" \S+")


def _looks_like_id(value: str) -> bool:
    return sum(c.isdigit() for c in value) >= max(1, len(value) // 4) or len(value) > 24


_CODE = Lazy(
    r"[a-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)+\(?$|[\w.]+\($|[A-Z][A-Z_]{3,}$|\w+\?$|[a-z]+[A-Z]\w*$"
)


_PROPERTY = Lazy(
    r"[A-Za-z_$][\w$]*\.(?:host|hostname|name|address|addr|url|server|user|username|owner|id"
    r"|login|account)$"
)


def _is_code(value: str, match: re.Match[str]) -> bool:
    if _PROPERTY.match(value):
        return True
    after = match.string[match.end() : match.end() + 1]
    if match["quoted"] is None and after == "(":
        return True
    if match["quoted"] is None and match["op"] != "=" and _CODE.match(value) and "." not in value:
        return not value.isupper()
    return False


def _keyed_host(match: re.Match[str]) -> str:
    quoted = match["quoted"] is not None
    value = match["quoted"] if quoted else match["bare"]
    key = match["lead"].lower()
    if (
        names_nobody(value)
        or key.startswith(("mcp", "tool"))
        or "/" in value
        or value.lower().startswith("localhost")
        or (" " in value and "ssid" not in key and "name" not in key)
    ):
        return match[0]
    if ("addr" in key or ("server" in key and "name" not in key)) and not quoted:
        spelled = ("=" in match["op"] and ";" in match.string) or "." in value.rstrip(".")
        if not spelled or ("addr" in key and "." not in value):
            return match[0]
    if _is_code(value, match):
        return match[0]
    if quoted:
        return match["lead"] + match["open"] + ph.HOST
    value = value.rstrip(".,")
    return match["lead"] + ph.HOST + match["bare"][len(value) :]


def phrase(match: re.Match[str]) -> str:
    """{USER} for the name behind a phrase, unless it names nobody."""
    value = match["bare"]
    kept = ""
    if " " in value and match["lead"][-1] in "\"'`«“":
        return (
            match[0]
            if any(names_nobody(word) for word in value.split())
            else match["lead"] + ph.USER
        )
    if " " in value:
        first, second = value.split(" ", 1)
        prose = second in _VERBS or names_nobody(second)
        if not second[0].isupper() or prose or names_nobody(first):
            value, kept = first, " " + second
    stripped = value.rstrip(".-")
    kept = value[len(stripped) :] + kept
    lead = match["lead"]
    if names_nobody(stripped):
        return match[0]
    greets = lead[-1] not in "\"'`«“" and lead.lower().startswith(_GREETINGS)
    if greets and (not stripped[0].isupper() or stripped.isupper()):
        return match[0]
    if "\\" in stripped:
        return lead + ph.USER + kept
    if stripped[0].isdigit() or (len(stripped) > 16 and _looks_like_id(stripped)):
        return match[0]
    return lead + ph.USER + kept


def _sql_user(match: re.Match[str]) -> str:
    user = match["bare"] if names_nobody(match["bare"]) else ph.USER
    host = match["host"]
    shown = host if host in ("%", "localhost", "127.0.0.1", "::1") or ph.has_mark(host) else ph.HOST
    return match["lead"] + user + match["at"] + shown


_PATH_BEFORE = Lazy(r"(?:[A-Za-z]:|\\)\\[^\"'<>|:*?\n]{0,200}$")


def _domain_user(match: re.Match[str]) -> str:
    domain, user = match["domain"], match["user"]
    if domain in _NOT_DOMAINS or user.isupper() or user.lower() in ("administrators", "users"):
        return match[0]
    before = match.string[max(0, match.start() - 200) : match.start()]
    if before[-1:] == " " and _PATH_BEFORE.search(before):  # "Berg & Co KG\\plan" in a path
        return match[0]
    if len(user) < 3 or ("-" in domain and domain.endswith("-")):
        return match[0]
    kept = ""
    while " " in user and (
        names_nobody(user.rsplit(" ", 1)[1]) or user.rsplit(" ", 1)[1] in _VERBS
    ):
        user, word = user.rsplit(" ", 1)
        kept = f" {word}{kept}"
    return ph.HOST + "\\" + ph.USER + kept
