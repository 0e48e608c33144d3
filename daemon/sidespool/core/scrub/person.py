"""What points at a person: e-mail, phone, card, IBAN, national and hardware ids, places."""

import re

from sidespool.core.scrub import placeholder as ph
from sidespool.core.scrub.lazy import Lazy
from sidespool.core.scrub.lexicon import words

_LOCAL_LEFT = Lazy(r"(?:[^\s\"'<>()\[\]{},;:=|\\/@`*!?#&]|(?<=[^\s])['!#&*=/?](?=\w)){1,64}$")
_QUOTED_LEFT = Lazy(r"\"[^\"\n@]{1,64}\"$")
_DOMAIN = Lazy(
    r"(?:[^\W_](?:[\w-]{0,62}[^\W_])?\.){1,8}(?:xn--[a-z0-9-]{2,40}|[^\W\d_]{2,24})(?![\w@])"
)
_LITERAL = Lazy(r"\[(?:IPv6:)?[0-9A-Fa-f.:]{3,45}\]")
_MARKS_BEFORE = Lazy(f"[{ph.MARKS}]")
_NO_LOCAL = frozenset(" \t\r\n/\\'`<>()[]{},;:=|@")
_NO_TLD = words("""
    png jpg jpeg gif webp svg ico js ts mjs cjs jsx tsx css scss less map json html vue py rb rs go
    java cs cpp so dll exe zip tgz gz md txt yml yaml toml xml lock node wasm
    """)
_CODE_HOSTS = words("github.com gitlab.com bitbucket.org ssh.dev.azure.com codeberg.org")
_PACKAGE_VERSION = Lazy(r"[\^~<>=]{0,2}v?\d")


_SPELLED = Lazy(
    r"(?<![\w.+-])[\w.+-]{1,64}\s?[\[(](?:at|AT)[\])]\s?[\w-]{1,63}"
    r"(?:\s?(?:\.|[\[(](?:dot|DOT)[\])])\s?[\w-]{2,63}){1,4}"
)


def scrub_mail(text: str) -> str:
    """{EMAIL} for addresses of any script; ``x@2x.png``, ``pkg@1.2.3`` and ``@scope`` stay."""
    if "at)" in text or "at]" in text or "AT)" in text or "AT]" in text:
        text = _SPELLED.sub(ph.EMAIL, text)
    pieces: list[str] = []
    done = 0
    place = 0
    while (at := text.find("@", place)) >= 0:
        place = at + 1
        if at == done or text[at - 1] in _NO_LOCAL:
            continue
        floor = max(done, at - 64)
        if marks := _MARKS_BEFORE.findall(text, floor, at):  # "{EMAIL}=anna@…"
            floor = text.rindex(marks[-1], floor, at) + 1
            floor += text[floor : floor + 1] in "=/?&#*!" and floor < at
        left = _LOCAL_LEFT.search(text, floor, at) or _QUOTED_LEFT.search(
            text, max(done, at - 66), at
        )
        if left is None:
            continue
        right = _DOMAIN.match(text, place) or _LITERAL.match(text, place)
        if right is None or not _is_mail(left[0], right[0], text, at):
            continue
        start = left.start()
        if text[start - 1 : start] == "\\" and left[0][0] in "nrt":
            start += 1
        pieces += (text[done:start], ph.EMAIL)
        done = place = right.end()
    if not pieces:
        return text
    pieces.append(text[done:])
    return _NAMED_MAIL.sub(lambda m: f"{ph.USER}{m['gap'] or m['closed']}", "".join(pieces))


# Jane Doe <jane@…>: the name in front of a bracketed address.
_NAMED_MAIL = Lazy(
    r"(?<![\w.])[^\W\d_a-z][\w'’.-]{0,30}(?: [^\W\d_][\w'’.-]{0,30}){0,3}"
    rf"(?P<gap>\"? \\?<(?={ph.EMAIL}))"
    rf"|(?<=\")[^\W\d_][^\"\n<>{{}}=]{{1,60}}(?P<closed>\\?\" \\?<(?={ph.EMAIL}))"
)


def _is_mail(local: str, domain: str, text: str, at: int) -> bool:
    if ph.has_mark(local):
        return False
    if local.lower() == "git" and domain.lower() in _CODE_HOSTS:
        return False
    tld = domain.rsplit(".", 1)[-1].lower()
    if tld in _NO_TLD and (
        tld not in ("md", "rs", "py", "zip", "so") or _PACKAGE_VERSION.match(domain)
    ):
        return False
    return not (
        _PACKAGE_VERSION.match(domain)
        and not any(c.isalpha() for c in domain.split(".", maxsplit=1)[0])
    )


_PHONE_PLUS = Lazy(
    rf"(?:(?<![\w+./-])|(?<={ph.PHONE}/))"
    r"(?:\+|\(\+)[1-9]\d{0,2}\)?(?:[ \u00a0./-]{0,2}\(?\d{1,5}\)?){2,7}(?:\s?"
    r"(?:x|ext\.?)\s?\d{1,6})?(?![\w]|[.:]\d)"
)
_PHONE_LINK = Lazy(r"\b(wa\.me/|phone=|signal\.me/#p/)\+?\d{7,15}\b")
_PHONE_NATIONAL = Lazy(
    r"(?<![\w+.:/-])(?<!\d[ ])(?:"
    r"\(\d{3}\) ?\d{3}[-. ]\d{4}"
    r"|(?:1[-. ])?[2-9]\d{2}([-.])[2-9]?\d{2,3}\1\d{4}"
    r"|0\d(?:([ .-])\d{2})(?:\2\d{2}){3}"
    r"|0\d{2,4}[ ]\d{3,4}[ ]\d{3,4}|0\d{2,4}[ ]\d{5,8}|\(0\d{1,5}\) ?\d{2,8}(?:[ -]\d{1,5}){0,3}"
    r"|00[1-9]\d{0,2}(?:[ /-]\d{2,7}){2,4}"
    r"|0\d{1,4}[/]\d{5,9}|0\d{2,4}[/-] ?\d{3,8}(?:[ -]\d{2,4}){0,2}|0[17]\d{2}[ -]\d{7,8}"
    r"|0\d{2}[ ]\d{3}[ ]\d{2}[ ]\d{2}|8 ?\(\d{3}\) ?\d{3}-\d{2}-\d{2}"
    r"|8[- ]\d{3}[- ]\d{3}-\d{2}-\d{2}"
    r"|0\d[ ]\d{4}[ ]\d{4}|06[ -]\d{8}|1[3-9]\d-\d{4}-\d{4}|0\d{1,3}-\d{2,4}-\d{4}"
    r"|\(\d{2}\) ?9?\d{4}-\d{4}|[6789]\d{2} \d{3} \d{3}|[2-9]\d{2} [2-9]\d{2} \d{4}"
    r")(?:\s?(?:x|ext\.?)\s?\d{1,6})?(?![\w]|[-.:/]\d)"
)
_PHONE_KEYED = Lazy(
    r"(?P<lead>\b(?:phone|telephone|tel|telefon|mobile|cell(?:phone)?|fax|whatsapp|sms"
    r"|handy|msisdn|call(?: me)?(?: at| on)?"
    r"|r(?:ü|ue)ckruf|m[óo]vil|телефон|電話|电话|手机(?:号码?)?"
    r"|phone_?number|mobile_?number|phonenumber|contact_?number|telefono|teléfono|téléphone"
    r"|portable)"
    r"(?:[ _-]?(?:no|number|nr|num))?\\{0,7}[\"']?\.?\s{0,2}[:=]?\s{0,2}\\{0,7}[\"']?)"
    r"(?P<number>\+?\(?\d[\d ().\u00a0/-]{5,18}\d)(?![\w.-]\d)",
    re.IGNORECASE,
)


def scrub_phones(text: str) -> str:
    """{PHONE} for numbers with a plus, with national separators, or under a telephone's name."""
    text = _PHONE_KEYED.sub(_keyed_phone, text)
    text = _PHONE_LINK.sub(lambda m: m[1] + ph.PHONE, text)
    text = _PHONE_PLUS.sub(_plus_phone, text)
    return _PHONE_NATIONAL.sub(_national_phone, text)


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isdigit())


def _keyed_phone(match: re.Match[str]) -> str:
    digits = len(_digits(match["number"]))
    return match["lead"] + ph.PHONE if 7 <= digits <= 15 else match[0]


def _plus_phone(match: re.Match[str]) -> str:
    number = match[0]
    digits = len(_digits(re.split(r"x|e", number)[0]))
    if not 8 <= digits <= 15:
        return number
    if number.lstrip("(+").isdigit() and digits < 10:
        return number
    return ph.PHONE


_DATE_LIKE = Lazy(
    r"(?:19|20)\d\d([-.])(?:0?[1-9]|1[0-2])\1"
    r"|(?:0?[1-9]|[12]\d|3[01])([-./])(?:0?[1-9]|[12]\d|3[01])\2(?:19|20)\d\d$"
)


def _national_phone(match: re.Match[str]) -> str:
    return match[0] if _DATE_LIKE.match(match[0]) else ph.PHONE


_CARD = Lazy(
    r"(?<![\w.+-])(?<!\d[ :,])(?:\d(?:[ \u00a0-]?\d){12,18}|\d{4}(?:\.\d{4}){3})"
    r"(?![\w]|[.:-]\d|,\d{3})"
)
_ID_LEFT = Lazy(
    r"(?:id|ids|trace|span|order|timestamp|time|ts|pid|tid|nonce|seq|offset|size|bytes|hash"
    r"|snowflake|build|(?:order|ticket|invoice|tracking|case|part|request|reference|run"
    r"|issue)[ _-]?(?:number|no)|#)[\"'\\]{0,8}\s{0,2}[:=#]\s{0,2}[\"'\\]{0,8}$",
    re.IGNORECASE,
)
_CARD_PREFIX = Lazy(r"4|5[0-8]|2[2-7]|3[0-9]|6|9[57]")


def scrub_cards(text: str) -> str:
    """{CREDIT_CARD} where length, issuer prefix and Luhn's check agree."""
    return _CARD.sub(_card, text)


def _card(match: re.Match[str]) -> str:
    number = match[0]
    digits = _digits(number)
    if not _CARD_PREFIX.match(digits) or not luhn_holds(digits) or len(set(digits)) < 2:
        return number
    if digits == number and _ID_LEFT.search(
        match.string, max(0, match.start() - 24), match.start()
    ):
        return (
            number
            if not re.search(
                r"card", match.string[max(0, match.start() - 24) : match.start()], re.I
            )
            else ph.CREDIT_CARD
        )
    separators = {c for c in number if not c.isdigit()}
    if len(separators) > 1:
        return number
    return ph.CREDIT_CARD


def luhn_holds(digits: str) -> bool:
    """Luhn's check over a string of digits."""
    total = 0
    for index, char in enumerate(reversed(digits)):
        value = int(char) * (1 + index % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


_IBAN = Lazy(
    r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ \u00a0-]?[A-Za-z0-9]{4}){2,7}(?:[ \u00a0-]?"
    r"[A-Za-z0-9]{1,3})?(?![A-Za-z0-9])"
)


_IBAN_KEYED = Lazy(
    r"(?P<lead>\bIBAN(?:[ _-]?(?:no|number|nr))?\\{0,7}[\"']?\.?\s{0,2}[:=#]?\s{0,2}\\{0,7}[\"']?)"
    r"[A-Z]{2}\d{2}(?:[A-Z0-9]{11,30}|(?:[ -](?:[A-Z]{4}|(?=[A-Z]{0,3}\d)[A-Z0-9]{4})){2,7}"
    r"(?:[ -][A-Z0-9]{1,3})?)(?![A-Za-z0-9])",
    re.IGNORECASE,
)


def scrub_ibans(text: str) -> str:
    """{IBAN} where the check digits hold (mod 97), spaces or not, and under its name."""
    text = _IBAN.sub(_iban, text)
    if "iban" in text or "IBAN" in text or "Iban" in text:
        text = _IBAN_KEYED.sub(lambda m: m["lead"] + ph.IBAN, text)
    return _ACCOUNT.sub(lambda m: m["lead"] + ph.IBAN, text)


_ACCOUNT = Lazy(
    r"(?P<lead>\b(?:bank[ _-]?account(?:[ _-]?(?:no|number))?|account[ _-]?(?:no|nr|number)"
    r"|acct(?:[ _-]?no)?"
    r"|kontonummer|konto-?nr|numéro de compte|número de cuenta|rekeningnummer"
    r"|routing(?:[ _-]?(?:no|number))?"
    r"|sort[ _-]?code|blz|bankleitzahl)\\{0,7}[\"']?\.?\s{0,2}[:=#]?\s{0,2}\\{0,7}[\"']?)"
    r"(?:\d{2}-\d{2}-\d{2}|\d(?:[ -]?\d){6,17})(?![\w-])",
    re.IGNORECASE,
)


def _iban(match: re.Match[str]) -> str:
    text = match[0]
    # A word behind a spaced IBAN may look like one more group: try without it.
    for _ in range(3):
        if _iban_holds(text):
            return ph.IBAN + match[0][len(text) :]
        shorter = re.split(r"[ \u00a0-][A-Za-z0-9]+$", text)[0]
        if shorter == text:
            break
        text = shorter
    return match[0]


def _iban_holds(text: str) -> bool:
    plain = re.sub(r"[ \u00a0-]", "", text).upper()
    if not 15 <= len(plain) <= 34 or sum(c.isdigit() for c in plain) < 8:
        return False
    moved = plain[4:] + plain[:4]
    if not moved.isascii():
        return False
    return int("".join(str(int(c, 36)) for c in moved)) % 97 == 1
