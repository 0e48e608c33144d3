"""Paths of three systems in real carriers: frames of a dozen runtimes, errors, JSON, URLs, lists.

Account names, folders between home and project, servers, shares and documents are planted; base
names of code, positions, function names and package tails must stay.
"""

import json
import random
import unicodedata
from collections.abc import Iterator
from urllib.parse import quote

from core.scrub.corpora.case import Case

USERS = (
    "marlowe", "j.okonkwo", "Jane Doe", "José García", "Müller", "dmitri_v", "李雷", "O'Brien",
    "Анна Иванова", "søren", "ana-lucia", "bob.CORP", "JANEDO~1", "t_nakamura", "Zoë van Dijk",
    "x1quentin", "Łukasz", "محمد", "김민수", "k8squux", "DÜRER", "Ann Mary Lee", "renée",
)  # fmt: skip
FOLDERS = (
    "zephyrbank", "Kunde Brandt", "client-quillon", "Geheimprojekt", "acme_merger", "OneDrive - Fabrikon",
    "proj (copy)", "Übung", "プロジェクト", "my secret plan", "Vorlon.Corp", "2024 Q3 Plan", "hr-layoffs",
    "Desktop stuff", "wörk", "Tax & Law", "kestrel+heron", "clients#3", "Repos", "DevHome",
)  # fmt: skip
FILES = ("main.py", "index.js", "app.component.ts", "server.go", "lib.rs", "Program.cs", "Main.java",
         "util.cpp", "view.tsx", "run.sh", "chunk-QX7.mjs", "App.vue", "model.rb", "worker.php")  # fmt: skip
DOCS = ("Gehalt 2024.xlsx", "merger-plan.docx", "diagnosis.pdf", "secret notes.txt", "Brief an Opa.odt",
        "IMG_2231.jpg", "passwords.kdbx", "customers.csv", "divorce.pages", "kundenliste.json")  # fmt: skip
FUNCTIONS = ("loadConfig", "Object.<anonymous>", "Foo.bar [as baz]", "new Widget", "async Promise.all",
             "main", "handleClick", "_internal_step", "Array.map")  # fmt: skip


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


def special() -> Iterator[Case]:
    """Forms that have a rule of their own."""
    rows: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = [
        (r"\\fileserv7\Projekte\zephyrbank\plan.docx could not be opened", ("fileserv7", "Projekte", "zephyrbank", "plan.docx"), ("could not be opened",)),
        (r"open '\\fileserv7\c$\quillon\src\a.ts'", ("fileserv7", "quillon"), ("a.ts",)),
        ("//fileserv7/share/quillon/a.ts:3:4", ("fileserv7", "share", "quillon"), ("a.ts:3:4",)),
        ('"\\\\\\\\fileserv7\\\\share\\\\quillon\\\\a.ts"', ("fileserv7", "quillon"), ("a.ts",)),
        (r"\\?\C:\Users\marlowe\quillon\a.ts:3:4", ("marlowe", "quillon"), ("a.ts:3:4",)),
        (r"\\?\UNC\fileserv7\share\quillon\a.ts", ("fileserv7", "share", "quillon"), ("a.ts",)),
        (r"\\wsl$\Ubuntu\home\marlowe\quillon\a.py", ("marlowe", "quillon"), ("a.py",)),
        (r"\\wsl.localhost\Ubuntu-22.04\home\marlowe\quillon\a.py", ("marlowe", "quillon"), ("a.py",)),
        ("/mnt/c/Users/marlowe/quillon/a.py", ("marlowe", "quillon"), ("a.py",)),
        ("/cygdrive/c/Users/marlowe/quillon/a.py", ("marlowe", "quillon"), ("a.py",)),
        ("/c/Users/marlowe/quillon/a.py: No such file", ("marlowe", "quillon"), ("a.py", "No such file")),
        ("~/quillon/zephyr/a.py", ("quillon", "zephyr"), ("a.py",)),
        ("~marlowe/quillon/a.py", ("marlowe", "quillon"), ("a.py",)),
        (r"%USERPROFILE%\quillon\a.py", ("quillon",), ("a.py",)),
        (r"$env:USERPROFILE\quillon\a.py", ("quillon",), ("a.py",)),
        ("$HOME/quillon/notes.txt", ("quillon", "notes.txt"), ()),
        ("${HOME}/quillon/a.py", ("quillon",), ("a.py",)),
        ("PATH=/home/marlowe/bin:/usr/bin:/home/marlowe/.local/bin", ("marlowe",), ("/usr/bin",)),
        (r"PATH=C:\Users\marlowe\bin;C:\Windows\System32;D:\quillon\tools", ("marlowe", "quillon"), (r"C:\Windows\System32",)),
        ("CLASSPATH=/home/marlowe/a.jar:/home/marlowe/quillon/b.jar", ("marlowe", "quillon"), ("b.jar",)),
        ("-I/home/marlowe/quillon/include -L/home/marlowe/lib", ("marlowe", "quillon"), ("-I", "-L")),
        ("--config=/home/marlowe/quillon/x.toml --verbose", ("marlowe", "quillon"), ("--config=", "--verbose")),
        ("cd /home/marlowe/quillon && npm test", ("marlowe", "quillon"), ("npm test",)),
        ("/Volumes/Quillon Backup/zephyr/a.ts:3:4", ("Quillon", "zephyr"), ("a.ts:3:4",)),
        ("/media/marlowe/USB STICK/a.ts", ("marlowe", "USB STICK"), ("a.ts",)),
        ("/run/media/marlowe/USB/a.ts", ("marlowe",), ("a.ts",)),
        ("/var/folders/zz/zyxvpxvq6csfxvn_n0000000000000/T/quillon/a.ts", ("zyxvpxvq6csfxvn_n0000000000000", "quillon"), ("a.ts",)),
        ("/tmp/quillon-1234/a.ts:3:4", ("quillon",), ("a.ts:3:4",)),
        ("/srv/quillon/current/app.rb:12:in `call'", ("quillon",), ("app.rb:12", "call")),
        ("/var/www/quillon.example/html/index.php(12): run()", ("quillon",), ("index.php(12)",)),
        ("/data/quillon/jobs/job.py", ("quillon",), ("job.py",)),
        ("/root/quillon/job.py", ("quillon",), ("job.py",)),
        ("/home/runner/work/quillon/quillon/src/a.ts:3:4", ("quillon",), ("a.ts:3:4",)),
        ("/builds/quillon/zephyr/a.ts:3:4", ("quillon", "zephyr"), ("a.ts:3:4",)),
        (r"D:\a\quillon\quillon\src\a.ts:3:4", ("quillon",), ("a.ts:3:4",)),
        (r"Z:\quillon\zephyr\a.ts", ("quillon", "zephyr"), ("a.ts",)),
        (r"E:\Fotos 2019\Oma Erna.jpg", ("Fotos 2019", "Oma Erna"), ()),
        (r"C:\Dokumente und Einstellungen\marlowe\quillon\a.ts", ("marlowe", "quillon"), ("a.ts",)),
        (r"C:\Documents and Settings\marlowe\quillon\a.ts", ("marlowe", "quillon"), ("a.ts",)),
        ("/home/marlowe/quillon/node_modules/@angular/core/fesm2022/core.mjs:12:3", ("marlowe", "quillon"), ("node_modules/@angular/core/fesm2022/core.mjs:12:3",)),
        (r"C:\Users\marlowe\quillon\node_modules\express\lib\router.js:12:3", ("marlowe", "quillon"), (r"node_modules\express\lib\router.js:12:3",)),
        ("/home/marlowe/quillon/.venv/lib/python3.11/site-packages/django/core/x.py", ("marlowe", "quillon"), ("site-packages/django/core/x.py",)),
        ("/Users/marlowe/.pyenv/versions/3.11.4/lib/python3.11/asyncio/runners.py", ("marlowe",), ("lib/python3.11/asyncio/runners.py",)),
        (r"C:\Users\marlowe\AppData\Local\Programs\Python\Python311\Lib\asyncio\runners.py", ("marlowe",), (r"Lib\asyncio\runners.py",)),
        ("/Applications/Foo.app/Contents/Resources/app.asar/dist/main.js:1:2", (), ("/Applications/Foo.app/Contents/Resources/app.asar/dist/main.js:1:2",)),
        ("/Users/marlowe/Applications/Foo.app/Contents/Resources/app.asar/dist/main.js:1:2", ("marlowe",), ("app.asar/dist/main.js:1:2",)),
        (r"C:\Users\marlowe\AppData\Local\Programs\foo\resources\app.asar\main.js:1:2", ("marlowe",), (r"app.asar\main.js:1:2",)),
        ("/home/marlowe/.vscode/extensions/ms-python.python-2024.1.0/out/x.js:1:2", ("marlowe",), ("extensions/ms-python.python-2024.1.0/out/x.js:1:2",)),
        ("/home/marlowe/.cargo/registry/src/index.crates.io-6f17d22bba15001f/tokio-1.35.1/src/x.rs:3:4", ("marlowe",), ("tokio-1.35.1/src/x.rs:3:4",)),
        ("/home/marlowe/go/pkg/mod/github.com/gin-gonic/gin@v1.9.1/context.go:174", ("marlowe",), ("github.com/gin-gonic/gin@v1.9.1/context.go:174",)),
        ("/usr/lib/node_modules/npm/lib/cli.js:3:4", (), ("/usr/lib/node_modules/npm/lib/cli.js:3:4",)),
        ("webpack-internal:///./src/app/x.ts:3:4", (), ("webpack-internal:///./src/app/x.ts:3:4",)),
        ("    at f (webpack://quillon/./src/app/x.ts:3:4)", ("quillon",), ("./src/app/x.ts:3:4",)),
        ("    at f (https://quillon.example/static/js/main.4f2a.js:3:4)", ("quillon",), ("main.4f2a.js:3:4",)),
        ("f@https://quillon.example/static/js/main.js:3:4", ("quillon",), ("f@", "main.js:3:4")),
        ("    at f (app://./js/main.js:3:4)", (), ("main.js:3:4",)),
        ("    at f (chrome-extension://abcdefghijklmnop/bg.js:3:4)", ("abcdefghijklmnop",), ("bg.js:3:4",)),
        ("    at Module._compile (node:internal/modules/cjs/loader:1376:14)", (), ("node:internal/modules/cjs/loader:1376:14",)),
        ("thread 'main' panicked at src/main.rs:2:5:", (), ("src/main.rs:2:5",)),
        ("../../home/marlowe/quillon/a.ts:3:4", ("marlowe", "quillon"), ("a.ts:3:4",)),
        (r"..\..\Users\marlowe\quillon\a.ts:3:4", ("marlowe", "quillon"), ("a.ts:3:4",)),
        ("{PATH}/home/marlowe/quillon/a.ts", ("marlowe", "quillon"), ("a.ts",)),
        ("{USER_HOME_PATH}/quillon/a.ts", ("quillon",), ("a.ts",)),
        ("scp a.ts marlowe@quillonbox:/srv/zephyr/a.ts", ("marlowe", "quillonbox", "zephyr"), ("scp",)),
        ("marlowe@quillonbox:~/zephyr$ npm start", ("marlowe", "quillonbox", "zephyr"), ("npm start",)),
        ("vscode-remote://ssh-remote+quillonbox/home/marlowe/a.ts", ("quillonbox", "marlowe"), ("a.ts",)),
        ("/home/marlowe/my\\ secret\\ plan/a.ts", ("marlowe", "plan"), ("a.ts",)),
        ("Module not found: Error: Can't resolve './x' in '/home/marlowe/quillon/src'", ("marlowe", "quillon"), ("Can't resolve './x'",)),
        ("Require stack:\n- /home/marlowe/quillon/a.js\n- /home/marlowe/quillon/b.js", ("marlowe", "quillon"), ("a.js", "b.js", "Require stack")),
        ("/home/marlowe", ("marlowe",), ()),
        ("/home/marlowe/", ("marlowe",), ()),
        (r"C:\Users\marlowe", ("marlowe",), ()),
        (r"C:\Users\Jane Doe", ("Jane", "Doe"), ()),
        (r"User profile C:\Users\Jane Doe is corrupt", ("Jane", "Doe"), ("is corrupt",)),
        ("<script src=\"file:///Users/marlowe/quillon/a.js\">", ("marlowe", "quillon"), ("a.js",)),
        ("sourceMappingURL=file:///C:/Users/marlowe/quillon/a.js.map", ("marlowe", "quillon"), ("a.js.map",)),
        ("docker run -v /home/marlowe/quillon:/app node", ("marlowe", "quillon"), ("docker run", "node")),
        ("['/home/marlowe/a.py', '/home/marlowe/quillon/b.py']", ("marlowe", "quillon"), ("a.py", "b.py")),
        ("PosixPath('/home/marlowe/quillon/b.py')", ("marlowe", "quillon"), ("b.py", "PosixPath")),
        ("jar:file:/home/marlowe/quillon/b.jar!/com/x/Y.class", ("marlowe", "quillon"), ()),
        ("    at com.foo.Bar.baz(Bar.java:12) [file:/home/marlowe/b.jar]", ("marlowe",), ("com.foo.Bar.baz(Bar.java:12)",)),
        ("error: /home/marlowe/quillon/a.c:12:5: note: here", ("marlowe", "quillon"), ("a.c:12:5", "note: here")),
        ("Traceback in <ipython-input-3>: /home/marlowe/nb.ipynb", ("marlowe",), ("<ipython-input-3>",)),
        ("/home/marlowe/quillon/[id]/page.tsx:3:4", ("marlowe", "quillon"), ("page.tsx:3:4",)),
        ("/home/marlowe/quillon/(group)/page.tsx:3:4", ("marlowe", "quillon"), ("page.tsx:3:4",)),
        ("diff --git a/home/marlowe/x.py b/home/marlowe/x.py", ("marlowe",), ("diff --git",)),
    ]  # fmt: skip
    for number, (text, leak, keep) in enumerate(rows):
        yield Case(f"special-{number}", text, leak, keep)


def contexts() -> Iterator[Case]:
    """With the machine's own names known."""
    linux: dict[str, object] = {
        "username": "marlowe",
        "hostname": "quillonbox",
        "home": "/home/marlowe",
        "project_roots": ["/home/marlowe/work/zephyr"],
    }
    win: dict[str, object] = {
        "username": "Jane Doe",
        "hostname": "FABRIKON-PC7",
        "home": r"C:\Users\Jane Doe",
        "project_roots": [r"C:\Users\Jane Doe\work\zephyr"],
    }
    rows = [
        ("    at f (/home/marlowe/work/zephyr/src/app/x.ts:3:4)", ("marlowe", "zephyr"), ("src/app/x.ts:3:4",), linux),
        ("open '/home/marlowe/work/zephyr/docs/a b.md'", ("marlowe", "zephyr"), ("docs/a b.md",), linux),
        (r"    at f (C:\Users\Jane Doe\work\zephyr\src\app\x.ts:3:4)", ("Jane", "zephyr"), (r"src\app\x.ts:3:4",), win),
        ("    at f (file:///C:/Users/Jane%20Doe/work/zephyr/src/app/x.ts:3:4)", ("Jane", "zephyr"), ("src/app/x.ts:3:4",), win),
        (r'{"p":"c:\\users\\jane doe\\WORK\\zephyr\\src\\x.ts"}', ("jane doe", "zephyr"), ("x.ts",), win),
        ("marlowe logged in on quillonbox", ("marlowe", "quillonbox"), ("logged in on",), linux),
        ("Job of MARLOWE failed on QuillonBox.local", ("MARLOWE", "QuillonBox"), ("failed on",), linux),
        ("backup_marlowe_2024.tar", ("marlowe",), ("backup_", "2024.tar"), linux),
        ("user%3Dmarlowe%26x", ("marlowe",), (), linux),
        ("Jane%20Doe and jane.doe and Doe, Jane", ("Jane%20Doe", "jane.doe", "Doe, Jane"), ("and",), win),
    ]  # fmt: skip
    for number, (text, leak, keep, context) in enumerate(rows):
        yield Case(f"context-{number}", text, leak, keep, context)


def cases() -> list[Case]:
    rng = random.Random(20240607)
    return [*frames(rng), *messages(rng), *encodings(rng), *special(), *contexts()]
