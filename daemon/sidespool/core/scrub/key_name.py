"""Judges the name of a field: does its value hold a secret, and how sure does the name make us?

Names are split into words (``clientSecret``, ``client_secret``, ``CLIENT-SECRET`` alike) and judged
by words, never by substrings: "keyboard", "author" and "secretary" hold no secrets.
"""

import enum
import re
from functools import lru_cache

from sidespool.core.scrub.lazy import Lazy
from sidespool.core.scrub.lexicon import words


class Kind(enum.Enum):
    """How a value under this name is treated."""

    NONE = 0
    WEAK = 1  # "key", "hash", "code": only a value that looks random
    TOKEN = 2  # "token", "session", "sig": a value that looks like a token
    STRONG = 3  # "password", "client_secret": any value that is not a word of prose
    PHRASE = 4  # "mnemonic", "passphrase": several words
    DIGITS = 5  # "otp", "pin", "cvv": short digit codes
    HEADER = 6  # "authorization"
    COOKIE = 7


# Finds where a name may be; what stands around it is read by code.
KEYWORDS = Lazy(
    r"(?:verification|activation|invit(?:e|ation)|redeem|license|security|confirmation"
    r"|auth(?:entication)?|access|recovery|backup"
    r"|login|one.?time"
    r"|otp|mfa|2fa|sms|pairing|device|passcode|unlock)[ _-]codes?|(?:seed"
    r"|recovery)[ _-]?(?:phrase|words)"
    r"|(?:api|access|secret|private|license|licence|product|account|encryption|subscription"
    r"|auth|signing"
    r"|activation|hmac|aes|master|deploy|webhook|admin|openai"
    r"|anthropic|stripe|github|gitlab|aws|azure|gcp|google|datadog|sendgrid|twilio)[ _.-](?:key"
    r"|token|secret)s?|one.?time (?:password|pin)|(?:wpa2?|wep"
    r"|wi-?fi|network)[ _-](?:key|psk|pass\w*)|pass(?:word|wd|phrase|code|wort|e\b)?"
    r"|passwor|pwd|pswd|psk|kennwort|contrase|senha|haslo|hasło"
    r"|пароль|密码|パスワード|mot.?de.?passe|secret|token|credential|key|auth|cookie|sess"
    r"|sid"
    r"|csrf"
    r"|xsrf|otp"
    r"|verifier|assertion|dockerconfigjson|mfa|2fa|pin\b|cv[vc]2?|sig|jwt|bearer|salt|nonce"
    r"|mnemonic|seed|webhook|recovery|verification"
    r"|saml|code|login|requirepass|identified by|storepw|connection.?string|dsn|psw|backup"
    r"|\bpw\b|(?:bind|root|user|admin|db)pw\b|parole?\b",
    re.IGNORECASE,
)

_STRONG = words(
    """
    password passwd pwd pass passcode passwort pswd psw kennwort contraseña contrasena senha
    haslo hasło пароль 密码 パスワード motdepasse secret secrets credential credentials apikey
    apikeys privatekey secretkey accesskey accountkey sharedkey masterkey authkey
    encryptionkey storepass keypass dbpass userpass sshpass mypass rootpass adminpass
    requirepass psk rootpw adminpw pw userpw bindpw passw passwords passwds passphrases
    licensekey productkey pgpassword
    mysqlpassword dockerconfigjson sharedaccesskey sharedsecret clientsecret appsecret
    secretaccesskey
    """
)
_STRONG_END = (
    "password",
    "passwd",
    "secret",
    "apikey",
    "secretkey",
    "accesskey",
    "privatekey",
    "authkey",
    "accountkey",
    "passwort",
)
_KEY_OF = words(
    """
    api private secret access account encryption master signing shared storage auth app
    client consumer service license licence product subscription function deploy session ssh
    rsa aes hmac crypto symmetric wallet signature admin server write read ingest activation
    webhook user root openai anthropic stripe github gitlab azure aws gcp google algolia
    datadog sendgrid twilio instrumentation wpa wpa2 wep wifi network mailgun mapbox sentry
    firebase groq mistral cohere deepgram elevenlabs pinecone serpapi
    """
)
_NOT_KEY_OF = words(
    """
    primary foreign public cache sort partition row object unique registry hot shortcut map
    dict index group i18n translation lookup composite natural surrogate idempotency routing
    message node react enter arrow escape shift control alt tab backspace delete config
    settings option property missing invalid unknown duplicate column json yaml element item
    accelerator modifier
    """
)
_TOKEN = words(
    """
    token authtoken accesstoken refreshtoken idtoken sessiontoken apitoken auth oauth
    session sessionid sessid phpsessid jsessionid sid aspsessionid cookie csrf xsrf
    csrftoken xsrftoken signature sig jwt bearer salt nonce sess authorization webhook dsn
    verifier assertion connectionstring recovery sessionstate
    """
)
_DIGITS = frozenset(
    ["otp", "totp", "pin", "cvv", "cvc", "cvv2", "cvc2", "mfa", "2fa", "tan", "mtan"]
)
_PHRASE = frozenset(["passphrase", "mnemonic", "seedphrase"])
# A last word that turns the name into something about the secret.
_ABOUT = words(
    """
    type types count counts length len limit limits budget url uri endpoint field fields
    name names hint policy expiry expires expired expiration expire age file path dir label
    placeholder strength min max required valid invalid enabled disabled present changed
    reset at in size usage rotation manager provider method mode format prefix suffix scope
    scopes version status state error errors exception failed failure failures missing ttl
    timeout created updated used total service server store storage handler middleware
    module class function callback listener event events input form page screen dialog view
    button window position index kind source algorithm algo alg bits ids arn fingerprint
    thumbprint budget remaining left per rate cost price window visible hidden show prompt
    agent ring board down up press code codes map
    """
)
_EXEMPT = words(
    """
    nopasswd publickeytoken publickey tokenizer tokenize author authors keyboard keyword keywords
    monkey primarykey foreignkey authority passed passes passing bypass compass passenger
    passive passport password_field token_type statuscode errorcode exitcode code zipcode
    postcode postalcode countrycode keycode charcode barcode qrcode opcode encode decode
    unicode vscode
    """
)
_ONE_TIME_CODE = Lazy(
    r"(?:verification|activation|invite|invitation|redeem|license|otp|mfa|2fa|security|auth"
    r"|authentication|recovery|backup|confirmation|access"
    r"|pairing|device|sms|login|passcode|pin|factor|unlock|time)codes?$"
)
_CAMEL = Lazy(r"(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[_\-. ]+")


@lru_cache(4096)
def judge(name: str) -> Kind:
    """Kind of the value that stands under ``name``."""
    words = [word.lower() for word in re.split(_CAMEL.source, name) if word]
    if not words:
        return Kind.NONE
    whole = "".join(words)
    last = words[-1]
    if last.isdigit() and len(words) > 1:
        words.pop()
        last = words[-1]
    if whole in _EXEMPT or (last in _EXEMPT and len(words) == 1):
        return Kind.NONE
    if special := _special(words, whole, last):
        return special
    if whole in ("sessionstate", "samlresponse", "samlrequest", "samlart"):
        return Kind.TOKEN
    if last in _ABOUT:
        return Kind.NONE
    if last in ("uuid", "guid") and len(words) > 1 and words[-2] in _STRONG | _TOKEN:
        return Kind.TOKEN
    if last == "id":
        return Kind.TOKEN if words[-2:-1] in (["session"], ["sess"], ["secret"]) else Kind.NONE
    if _is_strong(words, whole, last):
        return Kind.STRONG
    if last in ("key", "keys"):
        return _judge_key(words)
    if last in ("tokens", "sessions", "seed"):  # mostly counts, and seeds of dice
        return Kind.WEAK
    if last in _TOKEN or any(last.endswith(end) for end in ("token", "sessid", "sessionid")):
        return Kind.TOKEN
    if any(word in _STRONG for word in words[:-1]):
        return Kind.TOKEN
    if any(word in ("token", "cookie", "csrf", "xsrf", "auth", "jwt") for word in words[:-1]):
        return Kind.WEAK
    return Kind.NONE


def _special(words: list[str], whole: str, last: str) -> Kind | None:
    if last in ("authorization",) and whole in ("authorization", "proxyauthorization"):
        return Kind.HEADER
    if whole in ("cookie", "setcookie", "cookies") or words[-2:] in (
        ["set", "cookie"],
        ["http", "cookie"],
    ):
        return Kind.COOKIE
    if last in _PHRASE or words[-2:] in (
        ["seed", "phrase"],
        ["recovery", "phrase"],
        ["seed", "words"],
    ):
        return Kind.PHRASE
    if whole in ("identifiedby", "onetimepassword", "onetimepin"):
        return Kind.STRONG if whole == "identifiedby" else Kind.DIGITS
    if last in _DIGITS:
        return Kind.DIGITS
    if last in ("code", "codes") and _ONE_TIME_CODE.search(whole):
        return Kind.DIGITS
    return None


def _is_strong(words: list[str], whole: str, last: str) -> bool:
    if last in _STRONG or whole in _STRONG:
        return True
    if last in ("base", "data", "value", "plain", "text", "new", "old", "confirm", "confirmation",
                "hash", "current", "encrypted", "json", "b64", "base64"):  # fmt: skip
        return any(word in _STRONG or word.endswith(_STRONG_END) for word in words[:-1]) or (
            len(words) > 2 and words[-2] == "key" and words[-3] in _KEY_OF
        )
    return last.endswith(_STRONG_END) or (last.endswith("key") and last[:-3] in _KEY_OF)


def _judge_key(words: list[str]) -> Kind:
    if len(words) == 1:
        return Kind.WEAK
    before = words[-2]
    if before in _NOT_KEY_OF:
        return Kind.NONE
    return Kind.STRONG if before in _KEY_OF else Kind.WEAK
