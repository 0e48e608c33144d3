"""Pairs of messages: equal errors that must give one template, different ones that must not."""

import random
import re


# Patterns with slots; two fillings of a pattern are the same error.
SAME = (
    "Cannot read properties of undefined (reading '{prop}')", "Cannot set properties of null (setting '{prop}')", "Cannot read property '{prop}' of undefined", "AttributeError: 'Widget' object has no attribute '{prop}'", "KeyError: '{prop}'",
    "undefined is not an object (evaluating '{prop}.x')", "Property '{prop}' does not exist on type 'Widget'.", "Missing required property: '{prop}'", "Unknown field \"{prop}\" in request",
    "Request failed with status code {status}", "HTTP {status}: upstream said no", "server responded with a status of {status}", "GET {url} {status}", "POST {url} failed with {status} after {ms}ms", "Failed to load resource: {url}", "fetch {url} timed out after {ms} ms",
    "connect ECONNREFUSED {ip}:{port}", "connect ECONNREFUSED 127.0.0.1:{port}", "listen EADDRINUSE: address already in use :::{port}", "getaddrinfo ENOTFOUND {host}", "timeout of {ms}ms exceeded", "took {sec}s to answer", "retry {n} of {n} in {sec} seconds",
    "ENOENT: no such file or directory, open '{path}'", "EACCES: permission denied, mkdir '{path}'", "Cannot open {path}", "Error: {path}: No such file or directory", "ENOSPC: no space left on device, write to '{path}'", "[Errno 2] No such file or directory: '{path}'",
    "    at loadConfig ({path}:{n}:{n})", '  File "{path}", line {n}, in main', "   at NS.Widget.Run() in {path}:line {n}", "    at f (node_modules/foo/index.js:{n}:{n})", "    at f ({pkg}/node_modules/foo/index.js:{n}:{n})",
    "user {uuid} not found", "proposal {uuid} was rejected", "request_id={uuid} failed", "commit {sha} not found", "object {sha} is corrupt", "session {hex} expired", "address 0x{hex} not mapped", "segfault at {hex16} ip {hex16}",
    "token expired at {date}", "certificate expires {date}", "[{date}] connection lost", "backup of {day} is missing", "at {time} the job died", "job started {date} ran for {sec}s",
    "Expected {n} arguments, but got {n}.", "index out of range [{n}] with length {n}", "Unexpected token < in JSON at position {n}", "Unexpected end of input at line {n} column {n}", "heap limit of {n} MB reached", "process exited with code {small}", "worker {n} died", "Killed process {n} (node)", "row {n} has {n} columns, expected {n}", "batch {n}/{n} failed", "port {port} is in use", "only {n} of {n} rows written", "offset {n} is beyond end {n}", "id {n} not found", "order #{n} not found", "user {n} has no access", "loss={float} at step {n}",
    'Invalid value "{word}" for option --mode', "Unknown option '{word}'", "User '{word}' not found", 'invalid input syntax for type integer: "{word}"', "duplicate key value violates unique constraint: ('{word}')", "could not convert string to float: '{word}'", "Unexpected token '{char}', \"{word}\"... is not valid JSON", "No element matches '{word}'",
    "mail to {email} bounced", "card {card} declined", "auth failed for {email} from {ip}", "invalid api key {secret}", "Bearer {secret} rejected", "duplicate entry '{email}' for key", "call from {phone} dropped",
)  # fmt: skip
# Groups of messages that differ in what tells errors apart.
DIFFERENT = (
    ("error TS2304: x", "error TS2305: x"), ("NG0100: y", "NG0200: y"), ("ORA-00942", "ORA-00001"), ("SQLSTATE[23000]", "SQLSTATE[42000]"), ("connect ECONNREFUSED 127.0.0.1:80", "connect ECONNRESET 127.0.0.1:80"),
    ("Cannot find module 'react'", "Cannot find module 'vue'"), ("No module named 'numpy'", "No module named 'torch'"), ("spawn git ENOENT", "spawn node ENOENT"), ("TypeError: foo is not a function", "TypeError: bar is not a function"), ("foo is not defined", "bar is not defined"),
    ("Cannot read properties of undefined (reading 'a')", "Cannot read properties of null (reading 'a')"), ("Cannot read properties of undefined (reading 'a')", "Cannot set properties of undefined (setting 'a')"), ("model gpt-4 not found", "model gpt-4o not found"), ("unknown encoding: utf-8", "unknown encoding: utf-16"), ("RangeError: x", "TypeError: x"),
    ("ENOENT: no such file, open 'a'", "EACCES: permission denied, open 'a'"), ("HRESULT: 0x80070005", "HRESULT: 0x80004005"), ("exception code 0xC0000005", "exception code 0xC0000409"), ("Request failed with status code 404", "Request timed out with status code 404"), ("'str' object has no attribute 'x'", "'int' object has no attribute 'x'"),
    ("    at foo (src/a.ts:1:2)", "    at bar (src/a.ts:1:2)"), ("    at foo (src/a.ts:1:2)", "    at foo (src/b.ts:1:2)"), ("    at f (node_modules/foo/i.js:1:2)", "    at f (node_modules/bar/i.js:1:2)"), ("Failed to fetch", "Failed to parse"), ("error[E0308]: mismatched", "error[E0382]: mismatched"), ("LNK2019 unresolved", "LNK2001 unresolved"),
    ("No provider for HttpClient!", "No provider for Router!"), ("net::ERR_CONNECTION_RESET", "net::ERR_CONNECTION_REFUSED"), ("Minified React error #185", "Minified React error #31"), ("libfoo.so.1 missing", "libbar.so.1 missing"), ("invalid package @angular/core", "invalid package @angular/forms"), ("DOMException: AbortError", "DOMException: NotFoundError"), ("read ETIMEDOUT", "write ETIMEDOUT"),
    ("Cannot import name 'a' from 'x'", "Cannot import name 'a' from 'y'"), ("command 'git' failed", "command 'npm' failed"), ("No handler registered for 'a:b'", "No handler registered for 'a:c'"), ("signal 9", "signal 11"), ("glibc 2.34.1 required", "openssl 2.34.1 required"), ("CS0103: x", "CS0246: x"), ("Disk full", "Disk failing"), ("Error: EPIPE", "Error: EIO"),
    ("Cannot open /etc/hosts", "Cannot open /etc/passwd"), ("needs x86_64", "needs x86_32"), ("GET failed: 500", "POST failed: 500"), ("sha1 mismatch", "sha256 mismatch"), ("Python 3 needed", "Node 3 needed"), ("base64 invalid", "base32 invalid"), ("HTTP2 disabled", "HTTP3 disabled"),
)  # fmt: skip


def fill(pattern: str, rng: random.Random) -> str:
    hexes = lambda n: "".join(rng.choice("0123456789abcdef") for _ in range(n - 2)) + "a7"  # noqa: E731

    def one(match: re.Match[str]) -> str:
        name = match[1]
        n = rng.randint(2, 9999)
        h = hexes(32)
        values = {
            "prop": rng.choice(("map", "length", "userName", "_private", "$scope", "data-id", "foo")), "status": str(rng.choice((400, 401, 403, 404, 409, 429, 500, 502, 503))),
            "url": rng.choice(("https://api.quillon.example/v1/users?id=3", "http://zephyr.example:8080/a/b.json", "https://x.io", "wss://live.fabrikon.example/socket")), "ms": str(n), "sec": rng.choice((str(n), f"{n / 7:.2f}")),
            "ip": f"10.{n % 255}.2.{n % 250 + 1}", "port": str(rng.randint(1024, 65535)), "host": rng.choice(("api.quillon.example", "db7", "zephyr.lan")), "n": str(n), "small": str(rng.randint(1, 255)), "float": f"{n / 1000:.4f}",
            "path": rng.choice(("/home/marlowe/work/quillon/a.ts", "/Users/jane/zephyr/src/a.ts", r"C:\Users\Jane Doe\p\a.ts", "/srv/app/a.ts", r"D:\x\y\a.ts")), "pkg": rng.choice(("/home/marlowe/quillon", "/Users/jane/p", "/srv/x")),
            "uuid": f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}", "sha": hexes(40), "hex": hexes(12), "hex16": hexes(16), "date": rng.choice((f"2024-0{n % 9 + 1}-1{n % 9}T03:04:05.{n % 1000:03d}Z", f"2023-1{n % 3}-2{n % 8}T13:14:15.{n % 1000:03d}Z")), "day": f"2024-0{n % 9 + 1}-1{n % 9}",
            "time": f"0{n % 9}:{n % 50 + 10}:{n % 49 + 10}", "word": rng.choice(("foo", "bar baz", "x-1", "quux")), "char": rng.choice("<}o"), "email": rng.choice(("a@quillon.example", "jane.doe@x.io")), "card": "4111 1111 1111 1111", "secret": "k" + hexes(31), "phone": f"+49 30 {1000000 + n}",
        }  # fmt: skip
        return values[name]

    return re.sub(r"\{(\w+)\}", one, pattern)


def pairs() -> list[tuple[str, str, bool]]:
    """(a, b, equal): whether the two must give the same template."""
    rng = random.Random(313)
    found: list[tuple[str, str, bool]] = []
    for pattern in SAME:
        for _ in range(3):
            found.append((fill(pattern, rng), fill(pattern, rng), True))
    for a, b in DIFFERENT:
        found.append((a, b, False))
        found.append((f"Error: {a}", f"Error: {b}", False))
    patterns = list(SAME)
    for first, second in zip(patterns, patterns[7:] + patterns[:7], strict=True):
        found.append((fill(first, rng), fill(second, rng), False))
    return found
