"""Secrets of many vendors and notations in many carriers.

Nothing here is a live credential, and none stands in this file: each is put together at run time
from a public prefix and seeded random characters, so that scanners of git hosts stay quiet.
"""

import base64
import json
import random
import string
from collections.abc import Callable, Iterator
from urllib.parse import quote

from core.scrub.corpora.case import Case

ALNUM = string.ascii_letters + string.digits
LOWER = string.ascii_lowercase + string.digits
UPPER = string.ascii_uppercase + string.digits
HEX = "0123456789abcdef"
WORD = ALNUM + "_-"
B64 = ALNUM + "+/"

# Prefix, alphabet, length, suffix. The prefix is split so that no scanner sees a token.
VENDORS: dict[str, tuple[str, str, int, str]] = {
    "github-pat": ("gh" "p_", ALNUM, 36, ""), "github-oauth": ("gh" "o_", ALNUM, 36, ""),
    "github-server": ("gh" "s_", ALNUM, 36, ""), "github-fine": ("github" "_pat_", ALNUM, 22, "_" + "x7Q" * 19),
    "gitlab": ("gl" "pat-", WORD, 20, ""), "gitlab-deploy": ("gl" "dt-", WORD, 20, ""), "gitlab-runner": ("gl" "rt-", WORD, 20, ""),
    "gitlab-trigger": ("gl" "ptt-", HEX, 40, ""), "slack-bot": ("xo" "xb-", string.digits, 12, "-" + "482910" * 2 + "-aB3dE5gH7jK9mN1pQ3sT5vX7"),
    "slack-user": ("xo" "xp-", string.digits, 12, "-4829104829-9a8b7c6d5e4f"), "slack-app": ("xa" "pp-1-", UPPER, 11, "-4829104829104-9a8b7c6d5e4f3a2b"),
    "aws-id": ("AK" "IA", string.ascii_uppercase + "234567", 16, ""), "aws-sts": ("AS" "IA", string.ascii_uppercase + "234567", 16, ""),
    "google": ("AI" "za", WORD, 35, ""), "google-oauth": ("ya" "29.", WORD, 60, ""), "google-secret": ("GOC" "SPX-", WORD, 28, ""),
    "google-refresh": ("1/" "/0", WORD, 40, ""), "openai": ("sk" "-", ALNUM, 20, "T3Blbk" + "FJ" + "a1B2c3D4e5F6g7H8i9J0"),
    "openai-project": ("sk" "-proj-", WORD, 60, ""), "anthropic": ("sk" "-ant-api03-", WORD, 93, "AA"), "openrouter": ("sk" "-or-v1-", HEX, 64, ""),
    "groq": ("gs" "k_", ALNUM, 52, ""), "xai": ("xa" "i-", ALNUM, 80, ""), "perplexity": ("pp" "lx-", ALNUM, 48, ""), "huggingface": ("h" "f_", ALNUM, 34, ""),
    "replicate": ("r" "8_", ALNUM, 37, ""), "deepseek": ("sk" "-", HEX, 32, ""), "nvidia": ("nv" "api-", WORD, 64, ""), "fireworks": ("f" "w_", ALNUM, 24, ""),
    "together": ("tgp" "_v1_", WORD, 43, ""), "jina": ("ji" "na_", ALNUM, 60, ""), "tavily": ("tv" "ly-", WORD, 32, ""), "langsmith": ("ls" "v2_pt_", HEX, 32, "_9a8b7c6d5e"),
    "langfuse": ("sk" "-lf-", HEX, 8, "-1a2b-4c3d-9e8f-7a6b5c4d3e2f"), "pinecone": ("pc" "sk_", ALNUM, 60, ""), "cerebras": ("cs" "k-", LOWER, 48, ""),
    "elevenlabs": ("sk" "_", HEX, 48, ""), "e2b": ("e2" "b_", HEX, 40, ""), "apify": ("api" "fy_api_", ALNUM, 36, ""), "runpod": ("rp" "a_", UPPER, 40, ""),
    "stripe": ("sk" "_live_", ALNUM, 24, ""), "stripe-restricted": ("rk" "_live_", ALNUM, 24, ""), "stripe-test": ("sk" "_test_", ALNUM, 24, ""), "stripe-hook": ("wh" "sec_", ALNUM, 32, ""),
    "square": ("sq" "0atp-", WORD, 22, ""), "shopify": ("shp" "at_", HEX, 32, ""), "npm": ("np" "m_", ALNUM, 36, ""), "pypi": ("py" "pi-AgEIcHlwaS5vcmc", WORD, 80, ""),
    "rubygems": ("ruby" "gems_", HEX, 48, ""), "nuget": ("oy" "2", LOWER, 43, ""), "docker": ("dckr" "_pat_", WORD, 27, ""), "digitalocean": ("do" "p_v1_", HEX, 64, ""),
    "doppler": ("dp." "pt.", ALNUM, 43, ""), "databricks": ("da" "pi", HEX, 32, ""), "vault": ("hv" "s.", WORD, 90, ""), "vault-old": ("s" ".", ALNUM, 24, ""), "pulumi": ("pu" "l-", HEX, 40, ""),
    "terraform": ("aB3dE5gH7jK9mN" ".atla" "sv1.", WORD, 64, ""), "grafana": ("gl" "sa_", ALNUM, 32, "_9a8b7c6d"), "grafana-cloud": ("gl" "c_", B64, 80, ""), "sentry": ("sn" "tryu_", HEX, 64, ""),
    "posthog": ("ph" "x_", ALNUM, 43, ""), "newrelic": ("NR" "AK-", UPPER, 27, ""), "dynatrace": ("dt" "0c01.", UPPER, 24, "." + "A1B2C3D4" * 8), "sendgrid": ("S" "G.", WORD, 22, "." + "x7Q_" * 10 + "aB3"),
    "brevo": ("xk" "eysib-", HEX, 64, "-aB3dE5gH7jK9mN1p"), "mailgun": ("ke" "y-", HEX, 32, ""), "mailchimp": ("", HEX, 32, "-us14"), "twilio": ("S" "K", HEX, 32, ""), "telegram": ("4829104829" ":A" "A", WORD, 33, ""),
    "discord": ("M" "TI", ALNUM, 21, ".GhT3qZ." + "x7Q_" * 9 + "aB"), "linear": ("lin" "_api_", ALNUM, 40, ""), "notion": ("nt" "n_", ALNUM, 46, ""), "notion-old": ("sec" "ret_", ALNUM, 43, ""),
    "figma": ("fi" "gd_", WORD, 40, ""), "postman": ("PM" "AK-", HEX, 24, "-" + "9a8b7c6d5e" * 3 + "1234"), "atlassian": ("AT" "ATT3", WORD, 60, ""), "bitbucket": ("AT" "BB", ALNUM, 32, ""),
    "buildkite": ("bk" "ua_", HEX, 40, ""), "tailscale": ("ts" "key-auth-", ALNUM, 17, "CNTRL-" + "aB3dE5gH7jK9mN1pQ3"), "fly": ("fo" "1_", WORD, 43, ""), "render": ("rn" "d_", ALNUM, 32, ""), "vercel": ("vc" "p_", ALNUM, 40, ""),
    "netlify": ("nf" "p_", ALNUM, 36, ""), "supabase": ("sb" "p_", HEX, 40, ""), "planetscale": ("psc" "ale_tkn_", WORD, 43, ""), "neon": ("na" "pi_", LOWER, 64, ""), "contentful": ("CF" "PAT-", WORD, 43, ""), "alibaba": ("LT" "AI", ALNUM, 20, ""),
    "yandex": ("AQ" "VN", WORD, 36, ""), "age": ("AGE-SEC" "RET-KEY-1", UPPER, 58, ""), "1password": ("op" "s_eyJ", ALNUM, 200, ""), "easypost": ("EZ" "AK", ALNUM, 54, ""), "airtable": ("pa" "t", ALNUM, 14, "." + "9a8b7c6d" * 8),
    "typeform": ("tf" "p_", WORD, 59, ""), "readme": ("rd" "me_", LOWER, 70, ""), "prefect": ("pn" "u_", ALNUM, 36, ""), "sourcegraph": ("sg" "p_", HEX, 40, ""), "sonar": ("sq" "u_", HEX, 40, ""), "octopus": ("AP" "I-", UPPER, 26, ""),
    "azure-ad": ("aB3" "8Q~", ALNUM, 34, ""), "dropbox": ("s" "l.", WORD, 135, ""), "facebook": ("EA" "AC", ALNUM, 120, ""), "heroku": ("HR" "KU-AA", WORD, 58, ""), "openshift": ("sha" "256~", WORD, 43, ""), "linkedin-like": ("WPL" "_AP1.", ALNUM, 30, ""),
    "jwt": ("ey" "JhbGciOiJIUzI1NiJ9.", WORD, 60, "." + "x7Q_aB3dE5-" * 4), "bcrypt": ("$2" "b$12$", ALNUM, 53, ""), "argon2": ("$argon2id$v=19$m=65536,t=3,p=4$", B64.replace("+", ""), 22, "$" + "aB3dE5gH" * 5),
    "crypt6": ("$6" "$rounds5$", ALNUM, 86, ""), "ghost-vendor": ("zorp" "_live_", ALNUM, 32, ""), "random": ("", ALNUM, 44, ""), "random-b64": ("", B64, 64, "=="),
}  # fmt: skip

CARRIERS = (
    "{s}", "error near {s}", "{s} was rejected", "request failed: {s}.", "invalid key ({s})", "got '{s}', aborting",
    'provided: "{s}"', "[{s}]", "<{s}>", "a,{s},b", "key is `{s}`;", "x={s}&y=1", "token {s}, retrying in 5s",
    "line1\n{s}\nline3", "\x1b[33m{s}\x1b[0m", "using\t{s}\t!", "401 Unauthorized for {s}: denied", "env: FOO={s} BAR=2",
)  # fmt: skip


def token(rng: random.Random, name: str) -> str:
    prefix, alphabet, length, suffix = VENDORS[name]
    body = "".join(rng.choice(alphabet) for _ in range(length))
    # An end in - or _ is read as the sentence's mark by some; give each a firm end.
    return prefix + body[:-1] + rng.choice([c for c in alphabet if c.isalnum()]) + suffix


def vendors(rng: random.Random) -> Iterator[Case]:
    for name in VENDORS:
        for form in range(5):
            secret = token(rng, name)
            if form == 0:
                text = secret
            elif form == 1:
                text = json.dumps({"message": f"bad {secret}", "code": 401})
            elif form == 2:
                text = json.dumps({"b": json.dumps({"v": f"say {secret}!"})})
            else:
                text = rng.choice(CARRIERS).format(s=secret)
            yield Case(f"vendor-{name}-{form}", text, pieces(secret), ())
        secret = token(rng, name)
        yield Case(
            f"vendor-{name}-pct", f"q={quote(secret, safe='')}%26x", (quote(secret, safe="")[-12:],)
        )


def pieces(secret: str) -> tuple[str, ...]:
    """The whole and both its ends: half a secret is a leak."""
    if len(secret) < 16:
        return (secret,)
    return (secret, secret[-10:])


PASSWORDS = ("hunter2", "S3cr3t!pw", "correct-horse-9", "p@ssw0rd#1", "Tr0ub4dor&3", "Zq8#kk,Lm2", "letmein99", "q{w}e(r)7", "ünïcode7pw", "swordfish", "a1b2c3d4", "Passw0rd", "x'y7zQ2w", "8d;Kq2z")  # fmt: skip
NAMES = ("password", "PASSWORD", "db_password", "DB_PASSWORD", "dbPassword", "userPassword", "passwd", "pwd", "secret", "client_secret", "clientSecret", "API_KEY", "apiKey", "api-key", "x-api-key", "access_token", "accessToken", "refresh_token", "auth_token", "GITHUB_TOKEN", "private_key", "secretKey", "AWS_SECRET_ACCESS_KEY", "SESSION_SECRET", "MYSQL_ROOT_PASSWORD", "PGPASSWORD", "spring.datasource.password", "encryption_key", "passphrase", "JWT_SECRET", "csrf_token", "STRIPE_API_KEY", "SMTP_PASS", "storePassword", "keyPassword", "admin_password", "credentials", "openai_api_key", "webhook_secret", "SECRET_KEY_BASE")  # fmt: skip


def named(rng: random.Random) -> Iterator[Case]:
    notations: tuple[tuple[str, Callable[[str, str], str]], ...] = (
        ("plain", lambda n, v: f"{n}={v}"), ("colon", lambda n, v: f"{n}: {v}"), ("env", lambda n, v: f"export {n}={v}"),
        ("quoted", lambda n, v: f"{n}={json.dumps(v, ensure_ascii=False)}"), ("json", lambda n, v: json.dumps({"user": "x9", n: v, "port": 5432}, ensure_ascii=False)),
        ("json2", lambda n, v: json.dumps({"body": json.dumps({n: v}, ensure_ascii=False)}, ensure_ascii=False)), ("repr", lambda n, v: repr({n: v, "retries": 3})),
        ("yaml", lambda n, v: f"  {n}: {json.dumps(v, ensure_ascii=False)}\n  port: 5432"), ("xml", lambda n, v: f"<{n}>{v}</{n}>" if "<" not in v and "&" not in v else f"<{n}><![CDATA[{v}]]></{n}>"),
        ("flag", lambda n, v: f"tool --{n} {v} --verbose" if "'" not in v else f"tool --{n} \"{v}\" --verbose"), ("flageq", lambda n, v: f"tool --{n}={v} --verbose"),
        ("query", lambda n, v: f"body: grant=x&{n}={quote(v, safe='')}&scope=read"), ("arrow", lambda n, v: f"'{n}' => \"{v}\","), ("log", lambda n, v: f"2024-01-02 login failed {n}={v} user=x9"),
        ("ini", lambda n, v: f"[db]\n{n} = {v}\nport = 5432"), ("pair", lambda n, v: json.dumps([{"name": n, "value": v}], ensure_ascii=False)), ("kwarg", lambda n, v: f"connect(host=h, {n}={v!r}, port=5432)"),
        ("html", lambda n, v: f'<input name="{n}" value="{v}">'), ("toml", lambda n, v: f'{n} = "{v}"  # local'), ("escaped", lambda n, v: '{\\"' + n + '\\":\\"' + v + '\\",\\"port\\":5432}'),
    )  # fmt: skip
    for number in range(520):
        name, value = rng.choice(NAMES), rng.choice(PASSWORDS)
        label, make = notations[number % len(notations)]
        if "token" in name.lower() and value.isalpha():
            value = "k7" + value
        if (
            label in ("plain", "colon", "env", "log", "flag", "flageq", "ini", "xml")
            and ("," in value or ";" in value)
            and label != "plain"
        ):
            value = "Tr0ub4dor&3" if label != "xml" else "S3cr3t!pw"
        if label in ("html", "arrow", "toml", "escaped") and any(c in value for c in "'\"\\"):
            value = "S3cr3t!pw"
        text = make(name, value)
        keep = [name] if name in text else []
        if "5432" in text:
            keep.append("5432")
        if "--verbose" in text:
            keep.append("--verbose")
        shown = quote(value, safe="") if label == "query" else value
        yield Case(f"named-{label}-{number}", text, (shown,) if shown in text else (), tuple(keep))


def special(rng: random.Random) -> Iterator[Case]:
    r = lambda n, a=ALNUM: "".join(rng.choice(a) for _ in range(n - 2)) + "7q"  # noqa: E731
    basic = base64.b64encode(b"x9:" + r(9).encode()).decode()
    pem_body = "\n".join(r(64, B64) for _ in range(6))
    begin, end = "-----BEGIN " + "RSA PRIVATE KEY-----", "-----END " + "RSA PRIVATE KEY-----"
    a, b, c, d = r(24), r(32), r(20), r(12)
    hex32 = r(32, HEX)[:-2] + "a7"
    uuid = f"{hex32[:8]}-{hex32[8:12]}-4{hex32[13:16]}-a{hex32[17:20]}-{hex32[20:]}"
    rows: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = [
        (f"Authorization: Bearer {a}", (a,), ("Authorization",)), (f"authorization: bearer {a}, retrying", (a,), ("retrying",)),
        (f"Authorization: Basic {basic}", (basic,), ("Basic",)), (f"Proxy-Authorization: Basic {basic}", (basic,), ()),
        (f'curl -H "Authorization: Bearer {a}" -X POST', (a,), ("curl", "-X POST")), (f"-H 'X-Api-Key: {a}' --fail", (a,), ("--fail",)),
        (json.dumps({"headers": {"Authorization": f"Bearer {a}", "Accept": "*/*"}}), (a,), ("Accept", "*/*")),
        (repr({"headers": {"authorization": f"token {a}"}}), (a,), ("headers",)), (f"[('Authorization', 'Bearer {a}'), ('Accept', 'x')]", (a,), ("Accept",)),
        (f'rawHeaders: ["Authorization","Bearer {a}","Host","h"]', (a,), ("rawHeaders",)), (f"sent Bearer {a} to server", (a,), ("to server",)),
        (f"Authorization: AWS4-HMAC-SHA256 Credential={c}/20240101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature={b}", (c, b), ("AWS4-HMAC-SHA256",)),
        (f'Authorization: Digest username="x9q", realm="r", nonce="{a}", response="{b}"', (a, b), ("Digest",)),
        (f"Cookie: sid={a}; theme=dark8; _ga=GA1.2.{c}", (a, c), ("Cookie", "sid=")), (f"Set-Cookie: sessionid={a}; Path=/; HttpOnly; Secure", (a,), ("Path=/", "HttpOnly")),
        (json.dumps({"cookie": f"connect.sid={a}; x={b}"}), (a, b), ("connect.sid",)), (f"PHPSESSID={b}; path=/", (b,), ()), (f"JSESSIONID={b}", (b,), ("JSESSIONID",)),
        (f"{begin}\n{pem_body}\n{end}", (pem_body[:64], pem_body[-64:]), ()), (f"key:\n{begin}\n{pem_body}", (pem_body[:64], pem_body[-64:]), ("key",)),
        (json.dumps({"private_key": f"{begin}\n{pem_body}\n{end}\n", "id": 7}), (pem_body[:64], pem_body[-64:]), ("private_key",)),
        (f"err {begin}\\n{pem_body[:64]}\\n{end} end", (pem_body[:64],), ("err", "end")),
        (f"postgres://x9:{d}@db.quillon.example:5432/app", (d, "quillon"), ()), (f"connect to postgres://x9:{d}@10.1.2.3/app failed", (d, "10.1.2.3"), ("failed",)),
        (f"mongodb+srv://x9:{d}@c0.quillon.example/?retryWrites=true", (d,), ()), (f"redis://:{d}@cache:6379/0", (d,), ()), (f"amqp://x9:{d}@mq//", (d,), ()),
        (f"mysql+pymysql://x9:{d}@h/db?charset=utf8", (d,), ()), (f"jdbc:postgresql://h/db?user=x9&password={d}", (d,), ()), (f"jdbc:oracle:thin:scott/{d}@h:1521:x", (d,), ()),
        (f"Server=sqlquillon;Database=app;User Id=x9q;Password={d};Encrypt=True", (d, "sqlquillon"), ("Database=app", "Encrypt=True")),
        (f"Data Source=sqlquillon;Initial Catalog=app;uid=x9q;pwd={d}", (d, "sqlquillon"), ("Initial Catalog=app",)), (f"host=dbquillon port=5432 user=x9q password={d} dbname=app", (d, "dbquillon"), ("port=5432", "dbname=app")),
        (f"DefaultEndpointsProtocol=https;AccountName=x9;AccountKey={r(86, B64)}==;EndpointSuffix=core.windows.net", (), ("EndpointSuffix",)),
        (f"Endpoint=sb://quillon.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey={b}=", (b, "quillon"), ("SharedAccessKeyName",)),
        (f"SharedAccessSignature sr=x&sig={b}%3D&se=1700000000", (b,), ("SharedAccessSignature",)), (f"?sv=2022-11-02&ss=b&sig={b}%3D&se=2024", (b,), ("sv=2022-11-02",)),
        (f"x9:{d}@tcp(dbquillon:3306)/app", (d,), ()), (f"http_proxy=x9:{d}@proxyquillon:8080", (d,), ()), (f"machine api.quillon.example login x9q password {d}", (d,), ("machine", "login", "password")),
        (f"mysql -u x9 -p{d} app", (d,), ("mysql", "app")), (f"sshpass -p '{d}' ssh h", (d,), ("sshpass",)), (f"curl -u x9:{d} -v", (d,), ("curl", "-v")), (f"redis-cli -h h -a {d} ping", (d,), ("redis-cli", "ping")),
        (f"docker login -u x9 -p {d} registry", (d,), ("docker login",)), (f"7z x -p{d} a.7z", (d,), ("7z",)), (f"openssl rsa -passin pass:{d} -in k", (d,), ("openssl",)), (f"mongosh -u x9 -p {d} h", (d,), ("mongosh",)),
        (f"sqlcmd -S h -U x9 -P {d} -Q x", (d,), ("sqlcmd",)), (f"net use Z: \\\\srvq\\s /user:x9 {d}", (d, "srvq"), ("net use",)), (f"CREATE USER x9 IDENTIFIED BY '{d}'", (d,), ("CREATE USER",)), (f"ALTER ROLE x9 WITH PASSWORD '{d}'", (d,), ("ALTER ROLE",)),
        (f"//registry.npmjs.org/:_authToken={uuid}", (uuid,), ("_authToken",)), (f"_auth={basic}", (basic,), ()), (f"db.h:5432:app:x9:{d}", (d,), ()), (f'"auth": "{basic}"', (basic,), ("auth",)),
        (f"aws_secret_access_key = {r(40, B64)}", (), ("aws_secret_access_key",)), (f"heroku_api_key={uuid}", (uuid,), ("heroku_api_key",)), (f"token: {uuid}", (uuid,), ("token",)), (f'{{"apiKey":"{uuid}"}}', (uuid,), ("apiKey",)),
        ("Your verification code is 482913", ("482913",), ("Your verification code is",)), ("OTP: 482 913 expires in 5 minutes", ("482 913",), ("expires in 5 minutes",)), ("otp=482913", ("482913",), ("otp",)), ("PIN: 4829", ("4829",), ("PIN",)),
        ("2FA code 482913 is invalid", ("482913",), ("is invalid",)), ("cvv: 482", ("482",), ("cvv",)), (f"my password is {d}", (d,), ("my password is",)), (f"The API key is {a}.", (a,), ("The API key is",)),
        ("mnemonic: legal winner thank year wave sausage worth useful legal winner thank yellow", ("legal winner", "yellow"), ("mnemonic",)), (f"otpauth://totp/Quillon:x9?secret={r(16, UPPER)}&issuer=Quillon", ("Quillon",), ()),
        (f"https://hooks.slack.com/services/T{r(8, UPPER)}/B{r(8, UPPER)}/{a}", (a,), ()), (f"hooks.slack.com/services/T0000/B0000/{a}", (a,), ()), (f"https://discord.com/api/webhooks/482910482910/{b}", (b,), ()),
        (f"https://x9:{a}@github.com/o/r.git", (a,), ()), (f"https://api.x/y?api_key={a}&v=1", (a,), ()), (f"password:\n  {d}\nport: 1", (d,), ("port: 1",)), (f'pass="{d} {c}"', (d, c), ("pass=",)), (f"setPassword(\"{d}\")", (d,), ("setPassword",)),
        (f"django-insecure-{b}", (b,), ()), (f"x9:$apr1${r(8)}${r(22)}", (), ("x9",)), (f"license key: {r(5, UPPER)}-{r(5, UPPER)}-{r(5, UPPER)}-{r(5, UPPER)}-{r(5, UPPER)}", (), ("license key",)),
        (f"ALGOLIA_ADMIN_KEY={hex32}", (hex32,), ("ALGOLIA_ADMIN_KEY",)), (f"datadog api key {hex32} rejected", (hex32,), ("rejected",)), (f'"X-Vault-Token": "{a}"', (a,), ("X-Vault-Token",)), (f"Ocp-Apim-Subscription-Key: {hex32}", (hex32,), ("Subscription-Key",)),
        (f"kubectl --token={a} get pods", (a,), ("get pods",)), (f"<add key=\"ApiKey\" value=\"{a}\" />", (a,), ("<add key=",)), (f'<Password Encrypted="false">{d}</Password>', (d,), ("Encrypted",)), (f"requirepass {d}", (d,), ("requirepass",)),
        (f"ConnectionStrings__Default=Server=h;Password={d}", (d,), ("ConnectionStrings__Default",)), (f"PASSWORD={d}%", (d,), ("PASSWORD=",)), (f"ssh-keygen -N {d} -f k", (), ("ssh-keygen",)), (f"\"password\" : \"{d}\\\"{c}\"", (d, c), ("password",)),
        (f"Basic auth failed for {basic}", (), ("Basic auth failed",)), (f"JWT={'ey' + 'JhbGciOiJIUzI1NiJ9'}.{r(40)}.{r(43)}", (), ("JWT",)), (f"git clone https://oauth2:{a}@gitlab.quillon.example/g/p.git", (a, "quillon"), ("git clone",)),
        (f"password={d}&user=q7", (d,), ("user=",)), (f"{{password: '{d}', ssl: true}}", (d,), ("ssl: true",)), (f"Password: {d}\r\nPort: 22\r\n", (d,), ("Port: 22",)), (f"The token '{a}' has expired", (a,), ("has expired",)),
    ]  # fmt: skip
    for number, (text, leak, keep) in enumerate(rows):
        yield Case(f"special-{number}", text, leak, keep)


HARMLESS = (
    "Invalid password", "password: required", "password must be at least 8 characters", "Unexpected token < in JSON at position 0", "token: expired", "max_tokens=4096", "prompt_tokens: 812, completion_tokens: 33", '{"total_tokens": 845}',
    "PublicKeyToken=b77a5c561934e089", "${API_KEY}", "password=${DB_PASSWORD}", "Authorization: Bearer <token>", "token=<your token>", "api_key: YOUR_API_KEY is a placeholder", "process.env.GITHUB_TOKEN is undefined", "password=process.env.PASSWORD",
    "SECRET environment variable is not set", "primary key violation", "foreign key constraint fails", "keyboard interrupt", "author: unknown", "The secret is missing", "cookie: none", "session expired", "Bearer authentication failed", "Basic authentication is not supported",
    "token_type: bearer", "passwordField is null", "const token = getToken()", "token = self.token", "password: string;", "password: str", "if (!password) throw", "reset your password here", "Unexpected token: name (foo)", "SyntaxError: Invalid or unexpected token",
    "CSRF token mismatch", "JWT malformed", "jwt expired", "secret: {SECRET}", "password=***", "password: [REDACTED]", "key: Enter", "key=value", "React key=\"item-1\"", "hotkey: Ctrl+S", "cache_key=user", "sort_key: name", "signature mismatch", "method signature: foo(x)",
    "auth: true", "auth/invalid-email", "error code: 1006", "statusCode: 404", "pin: failed", "salt: undefined", "nonce is too low", "session_id is required", "cookies disabled", "key 'foo' not found", "KeyError: 'foo'", "token count exceeded: 128000", "Tokenizer not found",
    "passed: 12, failed: 3", "passive mode", "bypass: true", "passport is not defined", "secretary problem", "tokenize(text)", "OAuth error: access_denied", "authorization: failed", "Authorization header missing", "set-cookie header missing", "credentials: include", "credential helper",
)  # fmt: skip


def harmless() -> Iterator[Case]:
    for number, text in enumerate(HARMLESS):
        yield Case(f"harmless-{number}", text, (), (text,))


def cases() -> list[Case]:
    rng = random.Random(7042)
    return [*vendors(rng), *named(rng), *special(rng), *harmless()]
