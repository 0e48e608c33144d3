"""The scrubber: hides what is private in any string and leaves the rest as it is.

Text is looked at by an RE2 set first; most text passes there. What fires is worked on line by line,
each pass replacing spans by placeholders, until a whole round changes nothing. So the result is a
fixed point by construction, and scrubbing it again does nothing. A line that would not settle, and
any error inside, give {TEXT}.
"""

from collections import OrderedDict
from collections.abc import Callable

from sidespool.core.scrub import (
    command,
    entropy,
    gate,
    header,
    identity,
    named,
    national,
    network,
    official,
    path,
    person,
    session,
    table,
    token,
    unwrap,
    url,
)
from sidespool.core.scrub import placeholder as ph
from sidespool.core.scrub.context import Names, ScrubContext
from sidespool.core.scrub.frame_fast import Cut, FrameMemory, FrameShortcut, cut_position
from sidespool.core.scrub.key_name import Kind
from sidespool.core.scrub.path_name import Roots

FAILED = "{TEXT}"
_ROUNDS_MAX = 8
_DEPTH_MAX = 4
_LOOKED_AT_ONCE = 8
_CACHED_LINES_MAX = 4096
_CACHED_LENGTH_MAX = 1024
_STACK_LENGTH = 512

_NOBODY = ScrubContext()

Pass = Callable[[str], str]


class Scrubber:
    """Scrubs strings for one machine. Not thread safe; pure but for its cache and ``failures``."""

    def __init__(self, context: ScrubContext = _NOBODY) -> None:
        self.failures = 0
        self._names = Names(context)
        self._roots = Roots(context)
        self._gate = gate.Gate(self._names.gate)
        self._frames = FrameShortcut(self._roots)
        self._memory = FrameMemory()
        self._cache: OrderedDict[str, str] = OrderedDict()
        self._templates: OrderedDict[str, str] = OrderedDict()
        self._depth = 0
        self._passes = self._order()

    def text(self, s: str) -> str:
        """Messages, stacks and free text. Returns ``s`` itself when nothing private is in it."""
        return self._guard(self._text, s)

    def template(self, s: str) -> str:
        """``text``, and typed placeholders for what varies between equal errors."""
        return self._guard(lambda value: self._settle(value, self._template), s)

    def url(self, s: str) -> str:
        """A field that is one URL."""
        return self._guard(lambda value: self._settle(value, self._url), s)

    def path(self, s: str) -> str:
        """A field that is one path: only a scrubbed tail survives."""
        return self._guard(lambda value: self._settle(value, self._path), s)

    def secrets(self, s: str) -> str:
        """Content the user agreed to send: credentials go, everything else stays."""
        return self._guard(lambda value: self._settle(value, self._secrets), s)

    def clean(self, s: str) -> bool:
        """True when ``text(s)`` is known, cheaply, to return ``s`` unchanged."""
        try:
            return not self._gate.fired(s)
        except Exception:
            return False

    def forget(self) -> None:
        """Drops the cached lines, which hold text as it came in."""
        self._cache.clear()
        self._memory.forget()
        self._templates.clear()

    def _guard(self, work: Pass, s: str) -> str:
        try:
            return work(s)
        except Exception:
            self.failures += 1
            self._depth = 0
            return FAILED

    def _order(self) -> tuple[tuple[int, Pass], ...]:
        """The passes in their order: encodings, secrets, URLs, paths, people, names, entropy."""
        return (
            (gate.PERCENT, lambda s: unwrap.scrub_percent(s, self._inner)),
            (gate.LITERAL, lambda s: unwrap.scrub_literals(s, self._inner)),
            (gate.TOKEN, token.scrub_tokens),
            (gate.NAMED, named.scrub_named),
            (gate.NAMED, header.scrub_bare),
            (gate.COMMAND, command.scrub_commands),
            (gate.COMMAND, table.scrub_inserts),
            (gate.COMMAND | gate.MAIL, command.scrub_hosts_after),
            (gate.URL, url.scrub_urls),
            (gate.NAMES, self._names.replace_spaced),
            (gate.SESSION, session.scrub_sessions),
            (gate.IDENTITY, identity.scrub_phrases),
            (gate.PATH, lambda s: path.scrub_paths(s, self._roots)),
            (gate.MAIL, person.scrub_mail),
            (gate.OFFICIAL, official.scrub_hardware),
            (gate.NETWORK, network.scrub_mac),
            (gate.NETWORK, network.scrub_ipv6),
            (gate.NETWORK, network.scrub_ipv4),
            (gate.DIGITS, person.scrub_ibans),
            (gate.DIGITS, person.scrub_cards),
            (gate.OFFICIAL, official.scrub_places),
            (gate.OFFICIAL, national.scrub_national_ids),
            (gate.DIGITS, person.scrub_phones),
            (gate.HOST, network.scrub_hosts),
            (gate.IDENTITY, identity.scrub_keyed),
            (gate.NAMES, self._names.replace),
            (gate.ENTROPY, entropy.scrub_entropy),
        )

    def _inner(self, s: str) -> str:
        """Scrubs a decoded view; encodings inside encodings are followed a few levels."""
        if self._depth >= _DEPTH_MAX:
            return s
        self._depth += 1
        try:
            return ph.hide(self._text(ph.reveal(s)))
        finally:
            self._depth -= 1

    def _text(self, s: str) -> str:
        lines = len(s) > _STACK_LENGTH and "\n" in s  # each line is looked at below
        kinds = self._gate.across(s) if lines else self._gate.fired(s)
        if not kinds and not lines:
            return s
        if kinds & gate.MARKS and self._depth == 0:
            return self._text(ph.purge(s))
        if kinds & gate.ANSI:
            plain = unwrap.strip_ansi(s)
            if plain != s:
                scrubbed = self._text(plain)
                return s if scrubbed == plain else scrubbed
        current = s
        for _ in range(_ROUNDS_MAX):
            following, settled = self._once(current, kinds)
            if settled or following == current:
                return s if following == s else following
            current = following
            kinds = self._gate.fired(current)
        self.failures += 1
        return FAILED

    def _settle(self, s: str, work: Pass) -> str:
        """Repeats ``work`` until it changes nothing; what does not settle is given up."""
        current = s
        for _ in range(_ROUNDS_MAX):
            following = work(current)
            if following == current:
                return s if current == s else current
            current = following
        self.failures += 1
        return FAILED

    def _once(self, s: str, kinds: int) -> tuple[str, bool]:
        """One round over all lines. True: nothing reached across lines, so each line is settled."""
        settled = True
        if kinds & gate.BLOCK:
            blocked = ph.reveal(token.scrub_blocks(s))
            settled = blocked == s
            s = blocked
        if "\n" not in s:
            return self._line(s), settled
        lines = self._lines(s.split("\n"))
        if kinds & gate.AWAIT:
            settled = not self._await(lines) and settled
        if kinds & gate.TABLE:
            settled = not table.scrub_tables(lines) and settled
        return "\n".join(lines), settled

    def _await(self, lines: list[str]) -> bool:
        """Scrubs values that stand on the line after their name. True when one was found."""
        found = False
        for index in range(len(lines) - 1):
            kind = named.awaits_value(lines[index])
            if kind is Kind.NONE:
                continue
            place = index + 1 if lines[index + 1].strip() or index + 2 == len(lines) else index + 2
            scrubbed = named.scrub_awaited(lines[place], kind)
            found = found or scrubbed != lines[place]
            lines[place] = scrubbed
        return found

    def _lines(self, lines: list[str]) -> list[str]:
        """Every line scrubbed. New plain frames are shown to the gate together: it fires on each
        alone only if it fires on all, and one look is cheaper than forty."""
        if self._depth:
            return [self._line(line) for line in lines]
        done: list[str] = []
        fresh: list[tuple[int, Cut]] = []
        others: list[int] = []
        for index, line in enumerate(lines):
            frame = line[:1] in (" ", "\t") and len(line) <= _CACHED_LENGTH_MAX
            cut = cut_position(line) if frame else None
            result = None if cut is None else self._memory.recall(cut)
            if result is None:
                result = None if cut is None else self._frames.rewrite(line)
                if result is not None and cut is not None:
                    fresh.append((index, cut))
                else:
                    others.append(index)
                    result = line
            done.append(result)
        self._judge_fresh(lines, done, fresh)
        self._judge_others(lines, done, others)
        return done

    def _judge_others(self, lines: list[str], done: list[str], others: list[int]) -> None:
        """Lines that are no plain frames: all at once, then eight by eight, then one by one."""
        if not others or not self._gate.apart("\n".join([lines[index] for index in others])):
            return
        for first in range(0, len(others), _LOOKED_AT_ONCE):
            some = others[first : first + _LOOKED_AT_ONCE]
            if len(others) < 4 or self._gate.apart("\n".join([lines[index] for index in some])):
                for index in some:
                    done[index] = self._line(lines[index])

    def _judge_fresh(self, lines: list[str], done: list[str], fresh: list[tuple[int, Cut]]) -> None:
        harmless = self._is_plain("\n".join([done[index] for index, _ in fresh]))
        for index, cut in fresh:
            if harmless or self._is_plain(done[index]):
                self._memory.learn(cut, done[index])
            else:
                done[index] = self._numbered(lines[index], cut)

    def _line(self, line: str) -> str:
        cut = None
        if line[:1] in (" ", "\t") and self._depth == 0 and len(line) <= _CACHED_LENGTH_MAX:
            cut = cut_position(line)
        return self._any_line(line, False) if cut is None else self._numbered(line, cut)

    def _numbered(self, line: str, cut: Cut) -> str:
        """A line that may be a frame: known but for its numbers, plain, or like any other."""
        result = self._memory.recall(cut)
        if result is None:
            result = self._frame(line)
            if result is not None:
                self._memory.learn(cut, result)
                return result
            result = self._any_line(line, True)
            self._memory.learn_slowly(cut, line, self._settled)
        return result

    def _any_line(self, line: str, no_frame: bool) -> str:
        cache = self._cache
        known = cache.get(line)
        if known is not None:
            cache.move_to_end(line)
            return known
        result = (None if no_frame else self._frame(line)) or self._worked(line)
        if len(line) <= _CACHED_LENGTH_MAX and self._depth == 0:
            cache[line] = result
            cache[result] = result
            while len(cache) > _CACHED_LINES_MAX:
                cache.popitem(last=False)
        return result

    def _settled(self, line: str) -> str:
        return self._frame(line) or self._worked(line)

    def _worked(self, line: str) -> str:
        once = self._pass(line)
        return line if once == line else self._settle(once, self._step)

    def _frame(self, line: str) -> str | None:
        """A plain frame's result; it is a fixed point when nothing but its path can fire in it."""
        result = self._frames.rewrite(line)
        return result if result is not None and self._is_plain(result) else None

    def _is_plain(self, result: str) -> bool:
        kinds = self._gate.apart(result)
        if kinds & ~gate.FRAME or (kinds & gate.LITERAL and '"' in result):
            return False
        if kinds & gate.ENTROPY and entropy.scrub_entropy(result) != result:
            return False
        return "@" not in result or person.scrub_mail(result) == result

    def _step(self, line: str) -> str:
        return self._frame(line) or self._pass(line)

    def _pass(self, line: str) -> str:
        kinds = self._gate.apart(line)
        if not kinds:
            return line
        hidden = ph.hide(line)
        for kind, work in self._passes:
            if kinds & kind:
                hidden = work(hidden)
        return ph.reveal(hidden)

    def _template(self, s: str) -> str:
        from sidespool.core.scrub.template import template_line, without_position

        cache = self._templates
        lines = []
        for line in self._text(s).split("\n"):
            line = without_position(line)
            known = cache.get(line)
            if known is None:
                known = self._settle(line, lambda v: template_line(self._line(v)))
                if len(line) <= _CACHED_LENGTH_MAX:
                    cache[line] = cache[known] = self._cache[known] = known
                while len(cache) > _CACHED_LINES_MAX:
                    cache.popitem(last=False)
            lines.append(known)
        return "\n".join(lines)

    def _url(self, s: str) -> str:
        return self._text(ph.reveal(url.scrub_urls(ph.hide(s))))

    def _path(self, s: str) -> str:
        return self._text(ph.reveal(path.scrub_path_field(ph.hide(s), self._roots)))

    def _secrets(self, s: str) -> str:
        if "-----BEGIN" in s or "PuTTY" in s:
            s = ph.reveal(token.scrub_blocks(s))
        kinds = self._gate.fired(s)
        work = (gate.TOKEN, gate.NAMED, gate.COMMAND)
        if not kinds & sum(work):
            return s
        return "\n".join(self._secret_line(line) for line in s.split("\n"))

    def _secret_line(self, line: str) -> str:
        kinds = self._gate.apart(line)
        hidden = ph.hide(line)
        if kinds & gate.TOKEN:
            hidden = token.scrub_tokens(hidden)
        if kinds & gate.NAMED:
            hidden = header.scrub_bare(named.scrub_named(hidden))
        if kinds & gate.COMMAND:
            hidden = command.scrub_commands(hidden)
        if kinds & gate.URL:
            hidden = url.scrub_userinfo(hidden)
        return ph.reveal(hidden)
