"""Paths of three systems in real carriers: frames of a dozen runtimes, errors, JSON, URLs, lists.

Account names, folders between home and project, servers, shares and documents are planted; base
names of code, positions, function names and package tails must stay.
"""

import json
import random
import unicodedata
from collections.abc import Iterator
from urllib.parse import quote

from core.scrub.corpora.case import Case, written

USERS = (
    "marlowe",
    "j.okonkwo",
    "Jane Doe",
    "José García",
    "Müller",
    "dmitri_v",
    "李雷",
    "O'Brien",
    "Анна Иванова",
    "søren",
    "ana-lucia",
    "bob.CORP",
    "JANEDO~1",
    "t_nakamura",
    "Zoë van Dijk",
    "x1quentin",
    "Łukasz",
    "محمد",
    "김민수",
    "k8squux",
    "DÜRER",
    "Ann Mary Lee",
    "renée",
)
FOLDERS = (
    "zephyrbank",
    "Kunde Brandt",
    "client-quillon",
    "Geheimprojekt",
    "acme_merger",
    "OneDrive - Fabrikon",
    "proj (copy)",
    "Übung",
    "プロジェクト",
    "my secret plan",
    "Vorlon.Corp",
    "2024 Q3 Plan",
    "hr-layoffs",
    "Desktop stuff",
    "wörk",
    "Tax & Law",
    "kestrel+heron",
    "clients#3",
    "Repos",
    "DevHome",
)
FILES = (
    "main.py",
    "index.js",
    "app.component.ts",
    "server.go",
    "lib.rs",
    "Program.cs",
    "Main.java",
    "util.cpp",
    "view.tsx",
    "run.sh",
    "chunk-QX7.mjs",
    "App.vue",
    "model.rb",
    "worker.php",
)
DOCS = (
    "Gehalt 2024.xlsx",
    "merger-plan.docx",
    "diagnosis.pdf",
    "secret notes.txt",
    "Brief an Opa.odt",
    "IMG_2231.jpg",
    "passwords.kdbx",
    "customers.csv",
    "divorce.pages",
    "kundenliste.json",
)
FUNCTIONS = (
    "loadConfig",
    "Object.<anonymous>",
    "Foo.bar [as baz]",
    "new Widget",
    "async Promise.all",
    "main",
    "handleClick",
    "_internal_step",
    "Array.map",
)


def _posix_home(user: str, rng: random.Random) -> str:
    return rng.choice((f"/home/{user}", f"/Users/{user}", f"/home/{user}", f"/Users/{user}"))


def _folders(rng: random.Random) -> list[str]:
    return rng.sample(FOLDERS, rng.randint(1, 3))


def frames(rng: random.Random) -> Iterator[Case]:
    """Stack frames: the grammar shows where the path ends."""
    posix = (
        ("v8", "    at {fn} ({p}:{l}:{c})"),
        ("v8bare", "    at {p}:{l}:{c}"),
        ("v8async", "    at async {fn} ({p}:{l}:{c})"),
        ("v8file", "    at {fn} (file://{p}:{l}:{c})"),
        ("python", '  File "{p}", line {l}, in {fn}'),
        ("dotnet", "   at NS.Widget.Run(String a) in {p}:line {l}"),
        ("go", "\t{p}:{l} +0x1d"),
        ("rust", "             at {p}:{l}:{c}"),
        ("gdb", "#3  0x00007f3a in {fn} (argc=1) at {p}:{l}"),
        ("firefox", "{fn}@file://{p}:{l}:{c}"),
        ("php", "#0 {p}({l}): run()"),
        ("phpin", "PHP Fatal error:  Uncaught Exception in {p} on line {l}"),
        ("ruby", "{p}:{l}:in `run'"),
        ("gcc", "{p}:{l}:{c}: error: expected ';'"),
        ("evalat", "    at eval (eval at {fn} ({p}:{l}:{c}), <anonymous>:1:1)"),
        ("asan", "    #1 0x4f2a in main {p}:{l}:{c}"),
    )
    for number in range(260):
        user, name = rng.choice(USERS), rng.choice(FILES)
        folders = _folders(rng)
        form, pattern = rng.choice(posix)
        if form in ("asan",) and any(" " in part for part in (user, *folders)):
            user, folders = "marlowe", ["zephyrbank"]
        path = "/".join((_posix_home(user, rng), *folders, name))
        yield _frame(f"frame-posix-{form}-{number}", pattern, path, user, folders, name, rng)
    windows = [
        (form, pattern)
        for form, pattern in posix
        if form not in ("go", "gdb", "asan", "v8file", "firefox", "ruby")
    ]
    windows += [
        ("tsc", "{p}({l},{c}): error TS2304: Cannot find name 'x'."),
        ("ps", "At {p}:{l} char:5"),
    ]
    for number in range(220):
        user, name = rng.choice(USERS), rng.choice(FILES)
        folders = _folders(rng)
        form, pattern = rng.choice(windows)
        drive = rng.choice("CDc")
        path = rng.choice(("\\", "\\", "/")).join((drive + ":", "Users", user, *folders, name))
        yield _frame(f"frame-win-{form}-{number}", pattern, path, user, folders, name, rng)


def _frame(
    id: str, pattern: str, path: str, user: str, folders: list[str], name: str, rng: random.Random
) -> Case:
    line, column = rng.randint(1, 2000), rng.randint(1, 99)
    function = rng.choice(FUNCTIONS) if "{fn}@" not in pattern else "loadConfig"
    text = pattern.format(fn=function, p=path, l=line, c=column)
    keep = [name] + ([function] if "{fn}" in pattern else [])
    keep.append(str(line))
    return Case(id, text, (user, *folders), tuple(keep))


def messages(rng: random.Random) -> Iterator[Case]:
    """Errors in prose, with documents and code."""
    carriers = (
        "ENOENT: no such file or directory, open '{p}'",
        "EACCES: permission denied, mkdir '{p}'",
        'Cannot open "{p}" for reading',
        "failed to read {p}",
        "Could not load {p}: file is locked",
        "Error: {p} does not exist",
        "spawn {p} ENOENT",
        "[Errno 2] No such file or directory: '{p}'",
        "{p} is not a directory",
        "copying {p} to backup failed",
        "path={p}",
        "cwd: {p}",
        "Saved to <{p}>.",
        "(see {p})",
        "`{p}` could not be parsed",
        "warning: unable to stat {p}, skipping",
        "\x1b[31m{p}\x1b[0m not found",
        "Watching for changes in {p}...",
        "{p}",
        "FileNotFoundError: [WinError 3] The system cannot find the path specified: '{p}'",
        "UnauthorizedAccessException: Access to the path '{p}' is denied.",
        "git: fatal: not a git repository: {p}",
    )
    quoted = [
        c
        for c in carriers
        if "'{p}'" in c or '"{p}"' in c or "`{p}`" in c or "<{p}>" in c or "({p})" in c
    ]
    for number in range(330):
        user = rng.choice(USERS)
        folders = _folders(rng)
        if rng.random() < 0.5:
            name, planted = rng.choice(DOCS), True
        else:
            name, planted = rng.choice(FILES), False
        style = rng.random()
        if style < 0.45:
            path = "/".join((_posix_home(user, rng), *folders, name))
        elif style < 0.9:
            path = "\\".join((rng.choice("CDE") + ":", "Users", user, *folders, name))
        else:
            path = "/".join(("/mnt/c/Users", user, *folders, name))
        carrier = rng.choice(carriers)
        if "'" in path and "'{p}'" in carrier:
            carrier = 'Cannot open "{p}" for reading'
        if number % 3 == 0:
            carrier = rng.choice(quoted) if "'" not in path else carrier
        text = carrier.format(p=path)
        leak = (user, *folders) + ((name,) if planted else ())
        keep = [] if planted else [name]
        keep += [
            word for word in carrier.replace("{p}", " ").split() if len(word) > 4 and word.isalpha()
        ]
        yield Case(f"message-{number}", text, leak, tuple(keep))


def encodings(rng: random.Random) -> Iterator[Case]:
    """The same paths in JSON, JSON in JSON, reprs, URLs, decomposed and percent-encoded."""
    for number in range(240):
        user, folders, name = rng.choice(USERS), _folders(rng), rng.choice(FILES)
        windows = rng.random() < 0.5
        if windows:
            path = "\\".join(("C:", "Users", user, *folders, name))
        else:
            path = "/".join((_posix_home(user, rng), *folders, name))
        form = number % 10
        leak: tuple[str, ...] = (user, *folders)
        if form == 0:
            text = json.dumps({"path": path, "line": 3}, ensure_ascii=False)
        elif form == 1:
            text = json.dumps(
                {"body": json.dumps({"file": path}, ensure_ascii=False)}, ensure_ascii=False
            )
        elif form == 2:
            text = f"FileNotFoundError: {path!r}"
        elif form == 3:
            text = json.dumps({"path": path})
            leak = tuple(json.dumps(part)[1:-1] for part in leak)
        elif form == 4:
            uri = path.replace("\\", "/")
            text = f"    at run (file://{'/' if windows else ''}{quote(uri, safe='/:')}:12:5)"
            leak = tuple(
                quote(part, safe="")
                if quote(part, safe="/:") not in text
                else quote(part, safe="/:")
                for part in leak
            )
        elif form == 5:
            text = f"GET /open?file={quote(path, safe='')}&line=3"
            leak = tuple(quote(part, safe="") for part in leak)
        elif form == 6:
            text = (
                unicodedata.normalize("NFD", f"cannot open '{path}'")
                if "'" not in path
                else unicodedata.normalize("NFD", f'open "{path}"')
            )
            leak = tuple(unicodedata.normalize("NFD", part) for part in leak)
        elif form == 7:
            stack = f"Error: boom\n    at run ({path}:1:2)\n    at main ({path}:3:4)"
            text = json.dumps({"stack": stack}, ensure_ascii=False)
        elif form == 8:
            uri = path.replace("\\", "/").replace("C:", "c:")
            text = f"    at f (vscode-file://vscode-app/{quote(uri.lstrip('/'), safe='/:')}:9:9)"
            leak = tuple(quote(part, safe="/:") for part in leak)
        else:
            text = f"Uncaught (in promise) Error: {path}:12:3"
        yield Case(f"encoding-{form}-{number}", text, leak, (name,) if form != 6 else ())


def cases() -> list[Case]:
    rng = random.Random(20240607)
    return [*frames(rng), *messages(rng), *encodings(rng), *written("path_forms.jsonl")]
