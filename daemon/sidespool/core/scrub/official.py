"""Numbers a maker or a system gave to a machine: hardware ids, SIDs; and places on earth."""

import re

from sidespool.core.scrub import placeholder as ph
from sidespool.core.scrub.lazy import Lazy

_SID = Lazy(r"\bS-1-5-21(?:-\d{1,10}){3,5}\b|\bS-1-12-1(?:-\d{1,10}){4}\b")
_HARDWARE = Lazy(
    r"(?P<lead>(?:\b|(?<=[_.])|(?<=[a-z](?=[MDHS])))(?:machine[ _-]?(?:id|guid|uuid)"
    r"|device[ _-]?(?:id|uuid|guid|identifier"
    r"|serial)|hardware[ _-]?(?:id|uuid|guid)|hw[ _-]?id|hwid"
    r"|(?:disk|drive|bios|board|baseboard|chassis|system|product|volume|battery|cpu"
    r"|processor|device|machine|hard ?drive|ssd|usb)?[ _-]?serial(?:[ _-]?(?:no|number|nr"
    r"|num|short))?"
    r"|serialnumber|s/n|platform[ _-]?uuid|ioplatformuuid|ioplatformserialnumber"
    r"|product[ _-]?uuid|boot[ _-]?id|dmi[ _-]?uuid"
    r"|android[ _-]?id|advertising[ _-]?id|idfa|idfv|gaid|aaid|imei|imsi|meid|iccid|udid"
    r"|volume[ _-]?(?:id|uuid)|smbios[ _-]?uuid"
    r"|system[ _-]?uuid|computer[ _-]?id|installation[ _-]?guid|cryptography\\+machineguid"
    r"|bluetooth[ _-]?address|chip[ _-]?id|ecid|fingerprint[ _-]?id)"
    r"(?:\\{0,7}[\"'\]])?\s{0,16}(?:\([^)\s]{1,20}\)\s{0,2})?(?:REG_SZ|[:=]|is|contains|->|=>"
    r"|>)\s{0,6}(?:\\{0,7}[\"'{])?)"
    r"(?P<id>[A-Za-z0-9](?:[A-Za-z0-9:_.-]{2,62})[A-Za-z0-9])",
    re.IGNORECASE,
)


_HARDWARE_BESIDE = Lazy(
    r"(?P<lead>\b(?:serial(?: (?:number|no\.?|nr\.?))?|seriennummer|imei|imsi|meid|iccid"
    r"|idf[av]|gaid"
    r"|udid|vin|vehicle identification number|fahrgestellnummer|s/n|asset tag|service tag"
    r"|(?:machine|device|hardware|system|product) (?:id|uuid|guid))(?:[ :=#\"'\\]{1,5}))"
    r"(?P<id>(?=[A-Z-]{0,12}\d)[A-Z0-9](?:[A-Z0-9-]{6,38})[A-Z0-9])(?![\w-])",
    re.IGNORECASE,
)
_HARDWARE_HEX = Lazy(
    r"(?P<lead>\b(?:machine|device|hardware|system|computer|bios|smbios|platform|product|board"
    r"|disk|volume)[ _-]?(?:id|guid|uuid)"
    r"(?:[^\w\n](?:(?!\b(?:sha|hash|commit|digest|version|trace|request))"
    r"[^\n]){0,20}?)?(?<![\w-]))"
    r"(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})(?!\w)",
    re.IGNORECASE,
)


def scrub_hardware(text: str) -> str:
    """{HARDWARE_ID} under a machine's, device's or serial's name; {ID} for user SIDs."""
    text = _SID.sub(ph.ID, text)
    text = _HARDWARE_HEX.sub(lambda m: m["lead"] + ph.HARDWARE_ID, text)
    text = _HARDWARE_BESIDE.sub(_beside, text)
    return _HARDWARE.sub(_hardware, text)


def _beside(match: re.Match[str]) -> str:
    """``serial number C02XK0AAJGH5``: capitals and digits only, or it is a word of the sentence."""
    value = match["id"]
    digits = sum(c.isdigit() for c in value)
    telling = digits >= 2 and (value.upper() == value or digits * 3 >= len(value))
    return match["lead"] + ph.HARDWARE_ID if telling else match[0]


def _hardware(match: re.Match[str]) -> str:
    value = match["id"]
    if not any(c.isdigit() for c in value) or value.lower() in ("version", "uint8", "int32"):
        return match[0]
    return match["lead"] + ph.HARDWARE_ID


_GPS_KEYED = Lazy(
    r"(?P<lead>(?:\b|(?<=gps)|(?<=_))(?:lat(?:itude)?|lng|lon|long|longitude"
    r"|altitude)(?:\\{0,7}[\"'\]])?\s{0,3}[:=]\s{0,3}(?:\\{0,7}[\"'])?)"
    r"(?P<value>[-+]?\d{1,3}[.,]\d{1,15}°?)(?![\w.])",
    re.IGNORECASE,
)
_GPS_PAIR = Lazy(
    r"(?P<lead>\b(?:gps|geo|coord(?:inate)?s?|location|latlng|latlong|lat/lon|lat,lon"
    r"|standort|lat, ?l(?:on|ng))"
    r"(?:\\{0,7}[\"'\]])?\s{0,3}(?:[:=]|is|at)?\s{0,3}[\[({\"']{0,2}\s?)"
    r"(?P<pair>[-+]?\d{1,3}\.\d{2,15}\s{0,2}[,; /]\s{0,2}[-+]?\d{1,3}\.\d{2,15}"
    r"(?:\s{0,2}[,;]\s{0,2}-?\d{1,5}(?:\.\d{1,9})?)?)(?![\w.])",
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


_NUMBER = r"[-+−]?\d{1,3}\.\d{1,15}°?"
_GPS_SPOKEN = Lazy(
    rf"(?P<a>\blat(?:itude)?\W{{1,4}}){_NUMBER}(?P<b>[^\d\n]{{1,12}}?\b(?:long?|lng"
    rf"|longitude)\W{{1,4}})"
    rf"{_NUMBER}(?![\w.])",
    re.IGNORECASE,
)
_GPS_PRECISE = Lazy(
    r"(?P<lead>@|\b(?:position|pos|koordinaten|coordonnées|coordenadas|ort|at)[:=]?\s{1,3}[\[({]?)"
    r"[-+]?\d{1,2}\.\d{4,15}\s?[,/; ]\s?[-+]?\d{1,3}\.\d{4,15}(?![\w.])",
    re.IGNORECASE,
)
_GPS_WELL_KNOWN_TEXT = Lazy(
    r"(?P<lead>\b(?:POINT|LINESTRING|POLYGON|MULTIPOINT)(?: ?Z?M?) ?\({1,3})"
    r"[-+\d][-+\d., ]{6,2000}(?=\))"
)
_GPS_COMPASS = Lazy(
    r"\b[NS] ?\d{1,2}\.\d{2,12}[,;/ ]{1,3}[EWO] ?\d{1,3}\.\d{2,12}(?![\w.])"
    r"|\b\d{1,2}\.\d{2,12} ?[NS][,;/ ]{1,3}\d{1,3}\.\d{2,12} ?[EWO]\b"
)


def scrub_places(text: str) -> str:
    """{GPS} for coordinates by key, by degree sign and compass point, or as a precise pair."""
    text = _GPS_DEGREES.sub(ph.GPS, text)
    text = _GPS_KEYED.sub(lambda m: m["lead"] + ph.GPS, text)
    text = _GPS_SPOKEN.sub(lambda m: m["a"] + ph.GPS + m["b"] + ph.GPS, text)
    for pattern in (_GPS_PAIR, _GPS_PRECISE, _GPS_WELL_KNOWN_TEXT):
        text = pattern.sub(lambda m: m["lead"] + ph.GPS, text)
    text = _GPS_COMPASS.sub(ph.GPS, text)
    return _GPS_BARE.sub(_bare_pair, text)


def _bare_pair(match: re.Match[str]) -> str:
    """Two small numbers of four decimals are a scale or a loss as likely as a place."""
    small = all(abs(float(part)) < 10 and len(part.strip()) < 8 for part in match[0].split(","))
    return match[0] if small else ph.GPS
