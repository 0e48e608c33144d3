"""Secrets that give themselves away by their shape: vendor tokens, JWTs, PEM blocks, crypt hashes.

No rule demands an end mark, and none but the short prefixes a start mark: a token glued to a word,
a comma or an escape is a token all the same. The shapes are the vendors' published ones.
"""

import re
from functools import cache

import re2

from sidespool.core.scrub import placeholder as ph
from sidespool.core.scrub.lazy import Lazy

_W = r"[A-Za-z0-9_-]"
_A = r"[A-Za-z0-9]"
_H = r"[0-9a-fA-F]"
_B = r"[A-Za-z0-9+/]"
_UUID = rf"{_H}{{8}}-(?:{_H}{{4}}-){{3}}{_H}{{12}}"

# Prefixes no word begins with; they count wherever they stand.
_UNIQUE = (
    # Before the JWTs that stand inside them.
    rf"sntry[a-z]_[A-Za-z0-9+/=_-]{{20,}}|ops_eyJ[A-Za-z0-9+/=_-]{{40,}}|glc_eyJ[\w+/=-]{{20,}}"
    rf"|\b[ps]k\.eyJ{_W}{{20,}}(?:\.{_W}*)*",
    r"ssh-(?:rsa|ed25519|dss) AAAA[A-Za-z0-9+/]{40,}={0,2}(?: [\w.-]+@[\w.-]+)?"
    r"|b3BlbnNzaC1rZXktdjE[A-Za-z0-9+/=]{8,}",
    r"gh[pousr]_[A-Za-z0-9_.-]{16,}|github_pat_\w{20,}|gl(?:pat|dt|rtr?|cbt|ptt|ft|imt"
    r"|agent|oas|soat|ffct|wt)-[\w.=-]{16,}",
    rf"GR1348941{_W}{{16,}}|WPL_AP\d\.{_A}{{12,}}|xox[a-z](?:\.xox[bp])?-{_W}{{8,}}"
    rf"|xapp-\d-{_W}{{8,}}|xwfp-{_W}{{8,}}",
    r"(?:AKIA|ASIA|ABIA|ACCA|AROA|AIDA|A3T[A-Z0-9])[A-Z0-9]{12,}|ABSK[A-Za-z0-9+/]{40,}={0,2}",
    r"bedrock-api-key-[A-Za-z0-9+/=_-]{12,}|(?:FwoGZXIvYXdz|IQoJb3JpZ2lu)[A-Za-z0-9+/=]{20,}",
    rf"AIza{_W}{{30,}}|ya29\.[A-Za-z0-9_.-]{{16,}}|GOCSPX-{_W}{{16,}}|1//0{_W}{{20,}}",
    rf"\d{{6,}}-[a-z0-9]{{24,}}\.apps\.googleusercontent\.com|AAAA{_W}{{7}}:APA91{_W}{{30,}}",
    rf"eyJ{_W}{{8,}}={{0,2}}(?:\.{_W}*={{0,2}}){{0,4}}|eyJ{_W}{{4,}}\.{_W}+(?:\.{_W}*)?"
    rf"|LS0tLS1CRUdJTi[A-Za-z0-9+/=]{{8,}}|ZXlK[A-Za-z0-9+/_-]{{24,}}={{0,2}}",
    rf"SG\.{_W}{{16,}}\.{_W}{{16,}}|xkeysib-{_W}{{32,}}|xsmtpsib-{_W}{{32,}}"
    rf"|{_H}{{32}}-us\d{{1,2}}",
    rf"[sr]k_(?:live|test|prod)_{_A}{{10,}}|pk_(?:live|test)_{_A}{{10,}}"
    rf"|whsec_[A-Za-z0-9+/=]{{16,}}",
    rf"sq0[a-z]{{3}}-{_W}{{20,}}|EAA[A-Z]{_W}{{40,}}|access_token\$\w+\$\w{{8,}}\$\w{{20,}}",
    rf"shp(?:at|ca|pa|ss|tka|ltt)_{_A}{{16,}}|shippo_(?:live|test)_{_H}{{20,}}",
    rf"npm_{_A}{{30,}}|pypi-{_W}{{20,}}|rubygems_{_H}{{32,}}|oy2[a-z0-9]{{43}}"
    rf"|CLOJARS_{_A}{{40,}}",
    rf"cio{_A}{{32}}(?!{_A})|dckr_[a-z]{{3}}_{_W}{{20,}}|AKCp{_A}{{50,}}|cmVmd{_A}{{50,}}",
    rf"do[opr]_v1_{_H}{{32,}}|dp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{{16,}}"
    rf"|dapi{_H}{{32}}(?:-\d)?",
    rf"hv[sbr]\.{_W}{{20,}}|{_A}{{14}}\.atlasv1\.[\w=-]{{40,}}",
    rf"glc_[A-Za-z0-9+/=]{{20,}}|glsa_{_A}{{20,}}(?:_{_H}+)?"
    rf"|dt0[a-z]\d\d\.{_A}{{20,}}\.{_A}{{32,}}",
    rf"ph[cx]_{_A}{{24,}}|NR(?:AK|JS|II|IQ|RA|SP)-{_W}{{16,}}",
    rf"NRAL{_A}{{20,}}|tskey-[a-z]+-{_W}{{12,}}|fo1_{_W}{{20,}}"
    rf"|fm[12][ar]?_[A-Za-z0-9+/=_,-]{{40,}}",
    rf"HRKU-{_W}{{20,}}|vc[a-z]_{_A}{{20,}}|nfp_{_A}{{24,}}|sbp_(?:v0_)?{_H}{{32,}}",
    rf"sb_(?:secret|publishable)_{_W}{{16,}}|pscale_\w+_[\w=.-]{{20,}}|napi_{_A}{{32,}}",
    rf"CFPAT-{_W}{{30,}}|v1\.0-{_H}{{24}}-{_H}{{60,}}|cf[aku]t_{_A}{{30,}}|lin_(?:api"
    rf"|oauth)_{_A}{{20,}}",
    rf"ntn_{_A}{{30,}}|secret_{_A}{{32,}}|fig[a-z]{{1,2}}_{_W}{{20,}}|PMAK-{_H}{{20,}}-?{_H}*",
    rf"A[TC][ACTS]TT3[\w=-]{{20,}}|ATBB{_A}{{20,}}|BBDC-[A-Za-z0-9+/=_-]{{20,}}|bkua_{_H}{{20,}}",
    rf"CCIP(?:AT|RJ)_{_A}{{10,}}_{_H}{{20,}}|sha256~{_W}{{30,}}|LTAI{_A}{{12,}}|AKID{_A}{{28,}}",
    rf"AQVN{_W}{{30,}}|y0_{_W}{{30,}}|t1\.{_W}{{20,}}={{0,2}}\.{_W}{{60,}}={{0,2}}"
    rf"|YC{_W}{{38}}(?!{_W})",
    r"AGE-SECRET-KEY-1[0-9A-Z]{40,}",
    rf"A3-[A-Z0-9]{{6}}-[A-Z0-9-]{{20,}}|p8e-{_A}{{24,}}|duffel_(?:test|live)_{_W}{{20,}}",
    rf"EZ[AT]K{_A}{{40,}}|FLW(?:SECK|PUBK)(?:_TEST)?-{_W}{{12,}}|fio-u-{_W}{{30,}}",
    rf"tfp_[\w.=-]{{30,}}|rdme_{_A}{{40,}}|sm_[aps]at_{_A}{{12,}}|dnkey-[\w=-]{{20,}}",
    rf"sgp_(?:{_A}+_)?{_H}{{30,}}|sq[aup]_{_H}{{32,}}|tk-us-{_W}{{30,}}|API-[A-Z0-9]{{24,}}",
    rf"pat{_A}{{14}}\.{_H}{{40,}}|[ps]at\.{_W}{{20,}}\.{_W}{{20,}}\.{_W}{{16,}}|4b1d{_A}{{34,}}",
    rf"{_A}{{6}}_{_A}{{29}}_mmk|{_A}{{3}}\dQ~[\w~.-]{{28,}}|{_A}{{52,76}}AZDO{_A}{{4}}",
    rf"{_B}{{76,86}}(?:\+?ASt|ACDb|AzSe|ARm|ACRB)[A-Za-z0-9+/]{{4,}}={{0,2}}",
    rf"access-(?:production|development|sandbox)-{_H}{{8}}-(?:{_H}{{4}}-){{3}}{_H}{{12}}",
    # Models and their tools.
    rf"sk-(?:proj|svcacct|admin|ant|or|lf|helicone|None|live|test)-{_W}{{12,}}|gsk_{_A}{{30,}}",
    rf"pplx-{_A}{{30,}}|api_org_{_A}{{24,}}|xai-{_A}{{30,}}",
    rf"tgp_v1_{_W}{{24,}}|nvapi-{_W}{{30,}}|jina_{_A}{{30,}}|tvly-{_W}{{16,}}",
    rf"ls(?:v2)?__?(?:pt|sk)?_{_A}{{20,}}(?:_{_A}+)?|pk-lf-{_W}{{12,}}|wandb_v1_{_W}{{20,}}",
    rf"csk-{_A}{{30,}}|pcsk_\w{{20,}}|BSA{_W}{{26,}}(?!{_W})|e2b_{_H}{{30,}}",
    rf"apify_api_{_A}{{24,}}|bb_(?:live|test)_{_W}{{16,}}|rpa_{_A}{{30,}}",
    rf"crsr_{_A}{{24,}}|ctx7sk-{_W}{{16,}}|esecret_{_A}{{20,}}",
    rf"(?:co|cohere|mistral|groq|openrouter|together|anyscale|stability)_(?:sk|key"
    rf"|api)_{_W}{{16,}}",
    # Any vendor that follows the fashion: name_live_…, name_pat_…, name_key_….
    rf"\b[a-z][a-z0-9]{{1,14}}_(?:live|test|prod|sk|pk|pat|pt|key|token|secret|api|at"
    rf"|rt)_{_A}{{20,}}|hc[a-z]{{2,3}}_[a-z0-9]{{50,}}",
    r"\b(?:\d{6}-){7}\d{6}\b",
    rf"amzn\.mws\.{_UUID}",
    r"WIFI:(?:[A-Z]:[^;\n]*;)+;?",
    # Hashes of passwords.
    r"\$2[abxy]?\$\d\d\$[A-Za-z0-9./]{22,}|\$argon2(?:id?|d)\$[A-Za-z0-9+/=$,.-]{20,}",
    r"\$(?:1|5|6|y|7|apr1|pbkdf2[\w-]*|scrypt|sha1|P|H)\$[A-Za-z0-9./$=,+-]{16,}",
    r"pbkdf2_sha\d+\$\d+\$[A-Za-z0-9+/=$]{16,}|\{S?(?:SHA|MD5)\d*\}[A-Za-z0-9+/=]{16,}",
    # Wallets, webhooks, one-time secrets.
    rf"[xyz]prv{_A}{{70,}}|hooks\.slack\.com/\w+/[\w/]{{16,}}"
    rf"|discord(?:app)?\.com/api/webhooks/[\w/-]+",
    r"[\w-]+\.webhook\.office\.com/[\w@/-]+|django-insecure-[^\s\"']{16,}"
    r"|base64:[A-Za-z0-9+/]{40,}=",
)
# Short prefixes that words may end in: they need a mark before them.
_MARKED = (
    rf"[12]/\d{{12,20}}(?:/\d{{12,20}})?:{_H}{{32}}",
    rf"4/0A{_W}{{20,}}|sk-{_A}{_W}{{16,}}|s\.{_A}{{24}}(?!{_W})|key-{_H}{{32}}|pubkey-{_H}{{32}}",
    rf"SK{_H}{{32}}|AC{_H}{{32}}(?!{_H})|pk\.eyJ[\w.-]{{20,}}|sk\.eyJ[\w.-]{{20,}}|pa-{_W}{{40,}}",
    rf"[MNO][A-Za-z\d]{{22,25}}\.{_W}{{6}}\.{_W}{{24,}}|\d{{8,10}}:AA{_W}{{30,}}"
    rf"|00[\w-]{{40}}(?!{_W})",
    rf"[5KL][1-9A-HJ-NP-Za-km-z]{{50,51}}(?!{_A})|live_{_W}{{36,}}",
    rf"(?:sdk|api|mob|rel|pat|pat-[a-z]+\d|xa[ap]t|sk|pk|key|tok|token|secret|access|auth"
    rf"|client)-{_UUID}",
    rf"00D{_A}{{12,15}}![\w.]{{40,}}|0\.{_UUID}\.{_A}{{20,}}:{_B}{{20,}}={{0,2}}"
    rf"|rzp_(?:live|test)_{_A}{{12,}}",
    rf"token\.(?=[A-Za-z-]{{0,40}}\d){_W}{{16,}}|v1\.{_H}{{40}}(?!{_A})"
    rf"|\d{{14,17}}\|{_W}{{26,28}}(?!{_W})|u\+{_W}{{18}}(?!{_W})",
    rf"{_UUID}:{_H}{{32}}"
    rf"|{_H}{{32}}\.{_A}{{16}}(?!{_A})",
    rf"(?:test|live)_(?:pub_)?{_H}{{31,}}|\d{{15,25}}-{_A}{{24,40}}(?!{_A})"
    rf"|A{{20}}[A-Za-z0-9%]{{60,}}",
    rf"fw_{_A}{{20,}}|sk_{_H}{{40,}}|up_{_A}{{28,}}|sl\.(?:u\.)?{_W}{{60,}}|m0-{_A}{{30,}}"
    rf"|fc-{_H}{{32}}",
    rf"pul-{_H}{{40}}|ico-{_A}{{32}}|age1[0-9a-z]{{50,}}|pnu_{_A}{{30,}}|hf_{_A}{{24,}}"
    rf"|r8_{_A}{{24,}}",
    rf"rnd_{_A}{{24,}}|b_[\w=-]{{44}}|[A-Za-z0-9+/]{{86}}=="
    rf"|(?:[A-Z0-9]{{5}}-){{4}}[A-Z0-9]{{5}}(?![A-Z0-9-])",
)

_LOOK_AROUND = re.compile(r"\(\?<?[!=][^()]*\)")
_COUNT = re.compile(r"\{(\d+)(?:,\d*)?\}")
_GATE_COUNT_MAX = 8
# A run in front of what is telling only multiplies the set's states.
_LEADING = re.compile(r"(^|\|)(?:\[[^\]]*\]|\\d)\{\d+(?:,\d*)?\}")


def gate_sources() -> list[str]:
    """The same shapes for RE2: no look-around, short counts. They may fire once too often."""
    unique = [
        _COUNT.sub(_shorter, _LEADING.sub(r"\1", _LOOK_AROUND.sub("", source)))
        for source in _UNIQUE
    ]
    marked = [_COUNT.sub(_shorter, _LOOK_AROUND.sub("", source)) for source in _MARKED]
    return unique + [rf"(?m)(?:^|\\[nrt]|[^A-Za-z0-9_/.-])(?:{source})" for source in marked]


def _shorter(match: re.Match[str]) -> str:
    return match[0] if int(match[1]) <= _GATE_COUNT_MAX else f"{{{_GATE_COUNT_MAX},}}"


@cache
def _patterns() -> list[Lazy]:
    mark = r"(?:(?<![A-Za-z0-9_/.-])|(?<=\\[nrt]))"
    return [Lazy(source) for source in _UNIQUE] + [
        Lazy(f"{mark}(?:{source})") for source in _MARKED
    ]


def scrub_tokens(text: str) -> str:
    """Replaces every vendor token, JWT and password hash, whole."""
    for index in _hits(text):
        text = _patterns()[index].sub(_replacement, text)
    return text


@cache
def _set() -> re2.Set:
    options = re2.Options()
    options.max_mem = 2 << 20
    made = re2.Set.SearchSet(options)
    for source in gate_sources():
        made.Add(source)
    made.Compile()
    return made


def _hits(text: str) -> list[int]:
    """Which of the patterns can match at all: there are too many to try each."""
    return sorted(_set().Match(text.encode("utf-8", "surrogatepass")) or ())


def _replacement(match: re.Match[str]) -> str:
    token = match[0]
    if (
        token[:4].isupper()
        or any(c.isdigit() for c in token)
        or (token.lower() != token and token.upper() != token)
    ):
        kept = token[len(token.rstrip(".,-_=")) :] if token[-1] in ".,-" else ""
        return ph.SECRET + kept
    return token


_PEM = Lazy(
    r"-----BEGIN [A-Z0-9 ]{2,60}-----(?:\\{0,3}[nr]|[\s\"'+,>|])*"
    r"(?:(?=(?:[\w-]{3,20}: |[A-Za-z0-9+/=]{16}|[.…*]{3}))"
    r"(?:(?!-----)[\s\S])*(?:-----END [A-Z0-9 ]{2,60}-----|\Z|-----)"
    r"|[A-Za-z0-9+/=](?:(?!-----)[^ ]){0,4000}-----END [A-Z0-9 ]{2,60}-----)"
)
_PUTTY = Lazy(r"PuTTY-User-Key-File-\d: [\s\S]*?(?:Private-MAC: [0-9a-f]+|\Z)")


def scrub_blocks(text: str) -> str:
    """Replaces PEM and PuTTY blocks of any number of lines; one without END goes to the end."""
    if "-----BEGIN" in text:
        text = _PEM.sub(ph.SECRET, text)
    if "PuTTY-User-Key-File" in text:
        text = _PUTTY.sub(ph.SECRET, text)
    return text
