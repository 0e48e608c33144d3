"""Numbers an authority gave to a person: by form and check digit where those tell, else by name."""

import re

from sidespool.core.scrub import placeholder as ph
from sidespool.core.scrub.lazy import Lazy
from sidespool.core.scrub.person import luhn_holds

_DAY = r"(?:0[1-9]|[12]\d|3[01])"
_MONTH = r"(?:0[1-9]|1[0-2])"
# Forms nothing else has.
_SHAPES = Lazy(
    # United States: SSN, ITIN, Medicare
    r"(?<![\w.-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w]|[-.]\d)"
    r"|(?<![\w.-])9\d\d-(?:[5-8]\d|9[0-24-9])-\d{4}(?![\w]|[-.]\d)"
    r"|(?<![\w-])[1-9][AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9]\d-[AC-HJKMNP-RT-Y]"
    r"[AC-HJKMNP-RT-Y0-9]\d-[AC-HJKMNP-RT-Y]{2}\d{2}(?![\w-])"
    # United Kingdom, Brazil, Italy, India, Switzerland, Belgium
    r"|(?<![A-Za-z0-9])(?![DFIQUV])[A-CEGHJ-PR-TW-Z](?![DFIQUVO])[A-CEGHJ-NPR-TW-Z] ?\d{2}"
    r" ?\d{2} ?\d{2} ?[A-D](?![A-Za-z0-9])"
    r"|(?<![\w.-])\d{3}\.\d{3}\.\d{3}-\d{2}(?![\w-])"
    r"|(?<![\w.-])\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2}(?![\w-])"
    r"|(?<![A-Za-z0-9])[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z](?![A-Za-z0-9])"
    r"|(?<![A-Za-z0-9])[A-Z]{3}[ABCFGHLJPT][A-Z]\d{4}[A-Z](?![A-Za-z0-9])"
    r"|(?<![A-Za-z0-9])\d{2}[A-Z]{5}\d{4}[A-Z]\dZ[A-Z0-9](?![A-Za-z0-9])"
    r"|(?<![\w.-])756\.\d{4}\.\d{4}\.\d{2}(?![\w.])"
    r"|(?<![\w.-])\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}(?![\w.-])"
    # Mexico, Chile, Argentina, the Emirates, Thailand, Pakistan, Korea
    rf"|(?<![A-Za-z0-9])[A-Z][AEIOUX][A-Z]{{2}}\d{{2}}{_MONTH}{_DAY}"
    r"(?:[HM][A-Z]{5}[A-Z0-9]\d|[A-Z0-9]{2}[0-9A])(?![A-Za-z0-9])"
    r"|(?<![\w.-])\d{1,2}\.\d{3}\.\d{3}-[\dkK](?![\w.-])"
    r"|(?<![\w.-])(?:2[03478]|3[034])-\d{8}-\d(?![\w.-])"
    r"|(?<![\w.-])784-(?:19|20)\d{2}-\d{7}-\d(?![\w.-])"
    r"|(?<![\w.-])\d-\d{4}-\d{5}-\d{2}-\d(?![\w.-])"
    r"|(?<![\w.-])[1-7]\d{4}-\d{7}-\d(?![\w.-])"
    rf"|(?<![\w.-])\d{{2}}{_MONTH}{_DAY}-[1-8]\d{{6}}(?![\w.-])"
)
_NIR = Lazy(
    r"(?<![\w.-])[12] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d{2}"
    r"|2[AB]) ?\d{3} ?\d{3} ?\d{2}(?![\w-])"
)
_DNI = Lazy(r"(?<![\w.-])(?:\d{8}|[XYZ]\d{7})-?([A-Z])(?![\w-])")
_PERSONNUMMER = Lazy(rf"(?<![\w.-])(?:19|20)?\d{{2}}{_MONTH}{_DAY}[-+]\d{{4}}(?![\w-])")
_CHINESE = Lazy(
    rf"(?<![A-Za-z0-9_.-])[1-8]\d{{5}}(?:19|20)\d{{2}}{_MONTH}{_DAY}\d{{3}}[\dXx](?![A-Za-z0-9_-])"
)
_FINNISH = Lazy(rf"(?<![\w.-]){_DAY}{_MONTH}\d{{2}}[-+A-FU-Y]\d{{3}}[0-9A-FHJ-NPR-Y](?![\w-])")
_SINGAPORE = Lazy(r"(?<![\w.-])[STFGM]\d{7}[A-Z](?![\w-])")
_KEYED = Lazy(
    r"(?P<lead>(?:\b(?:ssn|social[ _-]?security(?:[ _-]?(?:no|number))?"
    r"|national[ _-]?(?:id(?:entity|entification)?|number)(?:[ _-]?(?:no|number|card))?"
    r"|identi(?:ty|fication)[ _-]number|citizen(?:ship)?[ _-]?(?:id|no|number)"
    r"|resident(?:[ _-]?registration)?[ _-]?(?:id|no|number)|rrn"
    r"|passport(?:[ _-]?(?:no|number|nr|num|id))?|driver'?s?[ _-]?licen[cs]e(?:[ _-]?(?:no"
    r"|number|id))?|driving[ _-]?licen[cs]e(?:[ _-]?(?:no|number))?|dl[ _-]?(?:no|number)"
    r"|f(?:ü|ue)hrerschein(?:[ _-]?(?:nr|nummer))?|permis de conduire|patente di guida"
    r"|rijbewijs(?:nummer)?|prawo jazdy"
    r"|tax[ _-]?(?:payer[ _-]?)?id(?:entification)?(?:[ _-]?(?:no|number))?"
    r"|tax[ _-]?file[ _-]?(?:no|number)|tfn|ird(?:[ _-]?(?:no|number))"
    r"|steuer[ _-]?(?:id(?:nr)?|nr)|steueridentifikationsnummer"
    r"|(?:steuerliche )?identifikationsnummer|steuernummer|id-?nr"
    r"|(?:personal)?ausweis(?:[ _-]?(?:nr|nummer))?|perso-?nr|rentenversicherungsnummer"
    r"|sozialversicherungs(?:nummer|nr)|sv-?(?:nummer|nr)|ahv(?:[ _-]?(?:nr|nummer))?"
    r"|krankenversichertennummer|kvnr"
    r"|reisepass(?:[ _-]?(?:nr|nummer))?|passnummer"
    r"|national[ _-]?insurance(?:[ _-]?(?:no|number))?|insee|passeport|pasaporte|passaporto"
    r"|paspoort(?:nummer)?|versicherten-?(?:nr|nummer)"
    r"|aadhaar|aadhar|pan(?:[ _-]?card)?(?:[ _-]?(?:no|number))?(?=\W{1,4}[A-Z]{5}\d)"
    r"|voter[ _-]?id|epic[ _-]no|gstin|nino|ni[ _-]?(?:no|number)|nhs(?:[ _-]?(?:no|number))?"
    r"|bsn|burgerservicenummer|rijksregisternummer|niss|pps(?:n| number| no)?|amka|afm"
    r"|pesel|regon|cpf|cnpj|curp|social insurance(?: (?:no|number))?|cuil|cuit"
    r"|rfc(?=\W{1,3}[A-Z]{3,4}\d{6})|c[ée]dula|itin"
    # words of other languages: as an acronym, or with a colon
    r"|(?-i:EIN|SIN|NIE|NIF|DNI|RUT|RG|NIP|TIN|NIR|NIK|INN|CNP|TVA|ABN|NI)"
    r"|(?:ein|sin|nie|nif|dni|rut|rg|nip|tin|nir|nik|inn|cnp|tva|abn)(?=\W{0,2}[:=#])"
    r"|nric|hkid|codice fiscale|partita iva|num[ée]ro de s[ée]curit[ée] sociale"
    r"|s[ée]curit[ée] sociale|personnummer|cpr(?:[ _-]?(?:nr|nummer|number))?"
    r"|f(?:ø|oe?)dselsnummer|kennitala|henkil(?:ö|o)tunnus|hetu|isikukood|asmens kodas"
    r"|rodn[ée] [čc][íi]slo|egn|oib|jmbg|emso|szem[ée]lyi|tc kimlik(?: ?no)?|t\.?c\.? ?no"
    r"|teudat zehut|emirates[ _-]?id|iqama|cnic|my[ _-]?number"
    r"|vat(?:[ _-]?(?:id|no|number|nr))?|ust-?id(?:-?nr)?|snils"
    r"|medicare(?:[ _-]?(?:no|number))?|id[ _-]card(?:[ _-]?(?:no|number))?|identity card)"
    r"|(?:居民)?身份证(?:号码?)?|證件號碼|个人编号|護照|护照(?:号码?)?|マイナンバー|個人番号|旅券番号"
    r"|운전면허(?:번호)?|주민등록번호|여권번호|паспорт|инн|снилс|тз|תעודת זהות)"
    r"\\{0,7}[\"']?\.?\s{0,2}(?:[:=#：]|is|no\.?|nr\.?|№|->)?\s{0,2}\\{0,7}[\"']?)"
    r"(?P<id>(?=[A-Za-z0-9 ./-]{0,12}\d)[A-Z0-9](?:[A-Za-z0-9]"
    r"|[ ./-](?=[A-Z0-9]*\d)){4,22})(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_BIRTH = Lazy(
    r"(?P<lead>(?:\b(?:dob|d\.o\.b\.|date[ _-]?of[ _-]?birth|birth[ _-]?(?:date|day)"
    r"|born(?: on)?|geburts(?:datum|tag)|geb(?:oren|\.)(?: am)?|date de naissance|n[ée]e? le"
    r"|fecha de nacimiento|data di nascita|data de nascimento|geboortedatum)|生年月日|出生日期"
    r"|дата рождения)"
    r"(?:\\{0,7}[\"'])?\s{0,3}[:=：]?\s{0,3}(?:\\{0,7}[\"'])?)(?:\d{1,4}[-/.]\d{1,2}"
    r"[-/.]\d{1,4}|\d{1,2}\.? [A-Z][a-z]{2,8} \d{4}|[A-Z][a-z]{2,8}\.? \d{1,2},? \d{4}"
    r"|(?:19|20)\d{2}年\d{1,2}月\d{1,2}日|(?:19|20)\d{6}(?!\d))",
    re.IGNORECASE,
)
_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_CHINESE_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_FINNISH_MARKS = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_SINGAPORE_MARKS = {
    "S": "JZIHGFEDCBA",
    "T": "GFEDCBAJZIH",
    "F": "XWUTRQPNMLK",
    "G": "RQPNMLKXWUT",
    "M": "KLJNPQRTUWX",
}


def scrub_national_ids(text: str) -> str:
    """{NATIONAL_ID} by form where the form is telling, else by the name in front."""
    text = _BIRTH.sub(lambda m: m["lead"] + ph.DATE, text)
    text = _KEYED.sub(_keyed, text)
    text = _SHAPES.sub(ph.NATIONAL_ID, text)
    for pattern, holds in (
        (_NIR, _nir),
        (_PERSONNUMMER, _personnummer),
        (_DNI, _dni),
        (_CHINESE, _chinese),
        (_FINNISH, _finnish),
        (_SINGAPORE, _singapore),
    ):
        text = pattern.sub(lambda m, holds=holds: ph.NATIONAL_ID if holds(m) else m[0], text)
    return text


def _keyed(match: re.Match[str]) -> str:
    number = match["id"]
    digits = sum(c.isdigit() for c in number)
    if digits < 4 and not (digits > 1 and number.isupper() and 8 <= len(number) <= 10):
        return match[0]
    return match["lead"] + ph.NATIONAL_ID


def _personnummer(match: re.Match[str]) -> bool:
    return luhn_holds(re.sub(r"\D", "", match[0])[-10:])


def _nir(match: re.Match[str]) -> bool:
    digits = match[0].replace(" ", "").replace("2A", "19").replace("2B", "18")
    return 97 - int(digits[:13]) % 97 == int(digits[13:])


def _dni(match: re.Match[str]) -> bool:
    number = match[0].replace("-", "")[:-1]
    value = int(number.translate(str.maketrans("XYZ", "012")))
    return _DNI_LETTERS[value % 23] == match[1]


def _chinese(match: re.Match[str]) -> bool:
    number = match[0].upper()
    total = sum(int(c) * w for c, w in zip(number, _CHINESE_WEIGHTS, strict=False))
    return "10X98765432"[total % 11] == number[17]


def _finnish(match: re.Match[str]) -> bool:
    number = match[0]
    return _FINNISH_MARKS[int(number[:6] + number[7:10]) % 31] == number[10]


def _singapore(match: re.Match[str]) -> bool:
    number = match[0]
    total = sum(int(c) * w for c, w in zip(number[1:8], (2, 7, 6, 5, 4, 3, 2), strict=True))
    total += {"T": 4, "G": 4, "M": 3}.get(number[0], 0)
    index = total % 11
    if number[0] == "M":
        index = 10 - index
    return _SINGAPORE_MARKS[number[0]][index] == number[8]
