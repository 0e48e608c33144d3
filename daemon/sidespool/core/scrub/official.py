"""Numbers an authority or a maker gave: national ids, SIDs, hardware ids; and places on earth."""

import re

from sidespool.core.scrub import placeholder as ph
from sidespool.core.scrub.lazy import Lazy
from sidespool.core.scrub.person import luhn_holds

_SSN = Lazy(r"(?<![\w.-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w]|[-.]\d)")
_NINO = Lazy(
    r"(?<![A-Za-z0-9])(?![DFIQUV])[A-CEGHJ-PR-TW-Z](?![DFIQUVO])[A-CEGHJ-NPR-TW-Z] ?\d{2}"
    r" ?\d{2} ?\d{2} ?[A-D](?![A-Za-z0-9])"
)
_CPF = Lazy(
    r"(?<![\w.-])\d{3}\.\d{3}\.\d{3}-\d{2}(?![\w-])"
    r"|(?<![\w.-])\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2}(?![\w-])"
)
_CODICE = Lazy(r"(?<![A-Za-z0-9])[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z](?![A-Za-z0-9])")
_NIR = Lazy(
    r"(?<![\w.-])[12] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d{2}"
    r"|2[AB]) ?\d{3} ?\d{3} ?\d{2}(?![\w-])"
)
_DNI = Lazy(r"(?<![\w.-])(?:\d{8}|[XYZ]\d{7})-?([A-Z])(?![\w-])")
_PAN = Lazy(r"(?<![A-Za-z0-9])[A-Z]{3}[ABCFGHLJPT][A-Z]\d{4}[A-Z](?![A-Za-z0-9])")
_PERSONNUMMER = Lazy(
    r"(?<![\w.-])(?:19|20)?\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])[-+]\d{4}(?![\w-])"
)
_AHV = Lazy(r"(?<![\w.-])756\.\d{4}\.\d{4}\.\d{2}(?![\w.])")
_KEYED = Lazy(
    r"(?P<lead>\b(?:ssn|social[ _-]?security(?:[ _-]?(?:no|number))?"
    r"|national[ _-]?id(?:entity)?(?:[ _-]?(?:no|number|card))?"
    r"|passport(?:[ _-]?(?:no|number|nr))?|driver'?s?[ _-]?licen[cs]e(?:[ _-]?(?:no"
    r"|number))?|tax[ _-]?id(?:entification)?(?:[ _-]?(?:no|number))?"
    r"|steuer[ _-]?id(?:nr)?|steueridentifikationsnummer|personalausweis(?:nummer)?"
    r"|ausweisnummer|sozialversicherungsnummer|reisepass(?:[ _-]?(?:nr|nummer))?|passnummer"
    r"|national[ _-]?insurance(?:[ _-]?(?:no|number))?|insee|passeport|pasaporte|versicherten-?nr"
    r"|aadhaar|aadhar|pan card|nino|ni number|nhs(?:[ _-]?(?:no|number))?|bsn|pesel|cpf"
    r"|cnpj|curp|dni|nie|nif|sin|cuil|cuit|rut|itin|ein|nric|hkid|codice fiscale|nir"
    r"|numéro de sécurité sociale|personnummer|egn|cnp|oib|jmbg|my[ _-]?number"
    r"|vat(?:[ _-]?(?:id|no|number|nr))?|ust-?id(?:-?nr)?|steuernummer"
    r"|medicare(?:[ _-]?(?:no|number))?|id card(?: number)?|identity card)"
    r"\\{0,7}[\"']?\.?\s{0,2}(?:[:=#]|is|no\.?|->)?\s{0,2}\\{0,7}[\"']?)"
    r"(?P<id>(?=[A-Za-z0-9 .-]{0,12}\d)[A-Z0-9](?:[A-Za-z0-9]"
    r"|[ ./-](?=[A-Z0-9]*\d)){4,22})(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"


def scrub_national_ids(text: str) -> str:
    """{NATIONAL_ID} by form where the form is telling, else by the name in front."""
    text = _BIRTH.sub(lambda m: m["lead"] + ph.DATE, text)
    text = _KEYED.sub(_keyed, text)
    for pattern in (_SSN, _NINO, _CPF, _CODICE, _PAN, _AHV):
        text = pattern.sub(ph.NATIONAL_ID, text)
    text = _NIR.sub(_nir, text)
    text = _PERSONNUMMER.sub(_personnummer, text)
    return _DNI.sub(_dni, text)


def _keyed(match: re.Match[str]) -> str:
    number = match["id"]
    digits = sum(c.isdigit() for c in number)
    if digits < 4 and not (digits > 1 and number.isupper() and 8 <= len(number) <= 10):
        return match[0]
    return match["lead"] + ph.NATIONAL_ID


def _personnummer(match: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", match[0])[-10:]
    return ph.NATIONAL_ID if luhn_holds(digits) else match[0]


def _nir(match: re.Match[str]) -> str:
    digits = match[0].replace(" ", "").replace("2A", "19").replace("2B", "18")
    return ph.NATIONAL_ID if 97 - int(digits[:13]) % 97 == int(digits[13:]) else match[0]


def _dni(match: re.Match[str]) -> str:
    number = match[0].replace("-", "")[:-1]
    value = int(number.translate(str.maketrans("XYZ", "012")))
    return ph.NATIONAL_ID if _DNI_LETTERS[value % 23] == match[1] else match[0]


_SID = Lazy(r"\bS-1-5-21(?:-\d{1,10}){3,5}\b|\bS-1-12-1(?:-\d{1,10}){4}\b")
_HARDWARE = Lazy(
    r"(?P<lead>\b(?:machine[ _-]?(?:id|guid|uuid)|device[ _-]?(?:id|uuid|guid|identifier"
    r"|serial)|hardware[ _-]?(?:id|uuid|guid)|hw[ _-]?id|hwid"
    r"|(?:disk|drive|bios|board|baseboard|chassis|system|product|volume|battery|cpu"
    r"|processor|device|machine|hard ?drive|ssd|usb)?[ _-]?serial(?:[ _-]?(?:no|number|nr"
    r"|num))?"
    r"|serialnumber|s/n|platform[ _-]?uuid|ioplatformuuid|ioplatformserialnumber"
    r"|product[ _-]?uuid|boot[ _-]?id|dmi[ _-]?uuid"
    r"|android[ _-]?id|advertising[ _-]?id|idfa|idfv|gaid|aaid|imei|imsi|meid|iccid|udid"
    r"|volume[ _-]?(?:id|uuid)|smbios[ _-]?uuid"
    r"|system[ _-]?uuid|computer[ _-]?id|installation[ _-]?guid|cryptography\\+machineguid"
    r"|bluetooth[ _-]?address|chip[ _-]?id|ecid|fingerprint[ _-]?id)"
    r"(?:\\{0,7}[\"'\]])?\s{0,16}(?:\([^)\s]{1,20}\)\s{0,2})?(?:REG_SZ|[:=]|is|->|=>"
    r"|>)\s{0,6}(?:\\{0,7}[\"'{])?)"
    r"(?P<id>[A-Za-z0-9](?:[A-Za-z0-9:_.-]{2,62})[A-Za-z0-9])",
    re.IGNORECASE,
)


_HARDWARE_HEX = Lazy(
    r"(?P<lead>\b(?:machine|device|hardware|system|computer)[ _-]?(?:id|guid|uuid)[ :=]{1,4})"
    r"(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})(?!\w)",
    re.IGNORECASE,
)
_BIRTH = Lazy(
    r"(?P<lead>\b(?:dob|d\.o\.b\.|date[ _-]?of[ _-]?birth|birth[ _-]?(?:date|day)"
    r"|born(?: on)?|geburtsdatum|geb(?:oren|\.)(?: am)?)"
    r"(?:\\{0,7}[\"'])?\s{0,3}[:=]?\s{0,3}(?:\\{0,7}[\"'])?)(?:\d{1,4}[-/.]\d{1,2}"
    r"[-/.]\d{1,4}|\d{1,2}\.? [A-Z][a-z]{2,8} \d{4})",
    re.IGNORECASE,
)


def scrub_hardware(text: str) -> str:
    """{HARDWARE_ID} under a machine's, device's or serial's name; {ID} for user SIDs."""
    text = _SID.sub(ph.ID, text)
    text = _HARDWARE_HEX.sub(lambda m: m["lead"] + ph.HARDWARE_ID, text)
    return _HARDWARE.sub(_hardware, text)


def _hardware(match: re.Match[str]) -> str:
    value = match["id"]
    if not any(c.isdigit() for c in value) or value.lower() in ("version", "uint8", "int32"):
        return match[0]
    return match["lead"] + ph.HARDWARE_ID


_GPS_KEYED = Lazy(
    r"(?P<lead>\b(?:lat(?:itude)?|lng|lon|long|longitude"
    r"|altitude)(?:\\{0,7}[\"'\]])?\s{0,3}[:=]\s{0,3}(?:\\{0,7}[\"'])?)"
    r"(?P<value>[-+]?\d{1,3}[.,]\d{1,15}°?)(?![\w.])",
    re.IGNORECASE,
)
_GPS_PAIR = Lazy(
    r"(?P<lead>\b(?:gps|geo|coord(?:inate)?s?|location|latlng|latlong|lat/lon|lat,lon"
    r"|standort|lat, ?l(?:on|ng))"
    r"(?:\\{0,7}[\"'\]])?\s{0,3}(?:[:=]|is|at)?\s{0,3}[\[({\"']{0,2}\s?)"
    r"(?P<pair>[-+]?\d{1,2}\.\d{2,15}\s{0,2}[,; /]\s{0,2}[-+]?\d{1,3}\.\d{2,15})(?![\w.])",
    re.IGNORECASE,
)
_GPS_BARE = Lazy(
    r"(?<![\w.,-])(?<!\d, )(?![-+]?0\.\d{4,15},\s{0,2}[-+]?0\.)"
    r"[-+]?(?:[1-8]?\d|90)\.\d{4,15},\s{0,2}[-+]?(?:1[0-7]\d"
    r"|[1-9]?\d)\.\d{4,15}(?![\w.,])"
)
_GPS_DEGREES = Lazy(
    r"[-+]?\d{1,3}(?:\.\d{1,12})?\s?°\s?(?:\d{1,2}(?:\.\d{1,10})?\s?['′’]\s?(?:\d{1,2}"
    r"(?:\.\d{1,10})?\s?(?:\"|″|”|''|\\\")\s?)?)?[NSEWO](?![\w])"
    r"|\b[NSEW]\s?\d{1,3}(?:\.\d{1,12})?\s?°(?:\s?\d{1,2}(?:\.\d{1,10})?\s?['′’])?"
    r"(?:\s?\d{1,2}(?:\.\d{1,10})?\s?[\"″”])?"
    r"|[-+]?\d{1,3}\.\d{3,12}\s?°"
)


def scrub_places(text: str) -> str:
    """{GPS} for coordinates by key, by degree sign and compass point, or as a precise pair."""
    text = _GPS_DEGREES.sub(ph.GPS, text)
    text = _GPS_KEYED.sub(lambda m: m["lead"] + ph.GPS, text)
    text = _GPS_PAIR.sub(lambda m: m["lead"] + ph.GPS, text)
    return _GPS_BARE.sub(ph.GPS, text)
