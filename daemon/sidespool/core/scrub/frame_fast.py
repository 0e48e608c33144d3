"""The common stack frame on a short cut: plain characters, one path, folders seen before.

Frames of one program share their folders, so what becomes of a folder is worked out once. A frame
that is not plain in every respect is left to the passes, and so is one whose result still holds
anything but a path.
"""

from sidespool.core.scrub import placeholder as ph
from sidespool.core.scrub.lazy import Lazy
from sidespool.core.scrub.path_name import Roots, keeps_name, shorten

_PATH = (
    r"((?:file://)?/(?:[\w.@+~-]{1,200}/){1,40}"
    r"|(?:file:///)?[A-Za-z]:[\\/](?:[\w.@+~ -]{1,200}[\\/]){1,40})"
    r"([\w.@+~-]{1,200})"
)
_V8 = Lazy(r"(\s{1,40}at (?:[^()/\\\"'@:=%]{0,160} \()?)" + _PATH + r"((?::\d{1,7}){1,2}\)?)$")
_PYTHON = Lazy(r"(\s{1,40}File \")" + _PATH + r"(\", line \d{1,7}, in [\w<>.]{1,120})$")
_DOTNET = Lazy(r"(\s{1,40}at [\w.<>`+\[\], (&*]{1,300}\) in )" + _PATH + r"(:line \d{1,7})$")
_FOLDERS_MAX = 1024
_SAMPLE = "x.js"


class FrameShortcut:
    """Rewrites plain frames of V8, Python and .NET for one set of roots."""

    def __init__(self, roots: Roots) -> None:
        self._roots = roots
        self._folders: dict[str, tuple[str, bool]] = {}

    def rewrite(self, line: str) -> str | None:
        """The frame with its path cut down, or None when this is no plain frame."""
        if line[:1] not in " \t":
            return None
        match = _V8.match(line) or _PYTHON.match(line) or _DOTNET.match(line)
        if match is None:
            return None
        head, folder, name, tail = match.groups()
        known = self._folders.get(folder) or self._learn(folder)
        if known[1] and not keeps_name(name, True):
            name = "{FILE_NAME}"
        return head + known[0] + name + tail

    def _learn(self, folder: str) -> tuple[str, bool]:
        """What ``folder`` becomes, and whether the name below it has to be judged."""
        if len(self._folders) >= _FOLDERS_MAX:
            self._folders.clear()
        shown = shorten(folder + _SAMPLE, self._roots, in_frame=True)[: -len(_SAMPLE)]
        judged = shown.rstrip("\\/") in (ph.PATH, ph.USER_HOME_PATH, ph.UNC_PATH)
        self._folders[folder] = known = (ph.reveal(shown), judged)
        return known
