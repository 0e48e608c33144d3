"""Turns a scrubbed message into its template: what varies between equal errors becomes typed.

Works on text that is scrubbed already. Names stay, for they tell errors apart: error codes (TS2304,
ORA-00942), packages, modules, commands, models, types, versions. Values go: numbers, dates, ids,
status codes, property names, quoted input.
"""

import re

from sidespool.core.scrub import placeholder as ph
from sidespool.core.scrub.lazy import Lazy

_ROOT = Lazy(
    rf"(?:file:[\\/]{{2,8}})?[{ph.ROOT_MARKS}](?P<tail>(?:[\\/]+[^\s\\/\"'`<>|:;,()\[\]]+)*)"
)
_QUOTED_PATH = Lazy(rf"(?P<q>[\"'`])[{ph.ROOT_MARKS}][^\"'`\n]{{0,400}}(?P=q)")
_PROPERTY = Lazy(
    r"(?P<lead>(?:\breading|\bsetting|\bread|\bset|\bproperty|\bproperties|\battribute"
    r"|\bdelete property|\bdefine property|\baccess|\bkey|\bfield|\bcolumn"
    r"|\bproperty of|\bmember|\bevaluating|\bKeyError:|\bkey:|\bproperty:|\bfield:"
    r"|\bundefined (?:local variable or )?method|\bparameter|\bargument|\bprop"
    r"|\bsetter for|\bdestructure property)\s{1,3}\(?)"
    r"(?P<q>[\"'`])(?P<name>[^\"'`\n]{0,200})(?P<close>(?P=q)|(?<=.)')",
    re.IGNORECASE,
)
_PROPERTY_OF = Lazy(r"(?P<lead>\b[Cc]annot (?:read|set) propert(?:y|ies) )(?P<name>[\w$]+)(?= of)")
_STATUS = Lazy(
    r"(?P<lead>(?:\bstatus(?:[ _]?code)?|\bstatuscode|\bHTTP(?:/\d(?:\.\d)?)?(?: error"
    r"| status| code)?|\bhttp(?:_| )?(?:status|code|error)"
    r"|\bresponded with(?: a)?(?: status)?"
    r"|\breturned(?: an?)?(?: error)?|\bresponse(?: code)?|\bserver error|\bclient error"
    r"|\bfailed with(?: error)?(?: code)?|\bgot|\breceived|\bexit(?:ed)?(?: with)?(?: code"
    r"| status)?|\bexit code|\bcode)"
    r"[\"']?(?:\s{0,2}[:=]\s{0,2}|\s{1,2}|\s?\()(?:of )?)(?P<code>-?\d{1,3}|\d{10})(?![\w.%:-])",
    re.IGNORECASE,
)
_UUID = Lazy(r"(?<![\w-])[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}(?![\w-])")
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec)[a-z]{0,6}"
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?:\s?[AaPp][Mm]\b)?"
_ZONE = (
    r"(?:\s?(?:Z\b|UTC|GMT(?:[+-]\d{4})?|[A-Z]{3,4}\b|[+-]\d{2}:?\d{2}(?![\d:])))?"
    r"(?:\s\([A-Za-z .]{2,40}\))?"
)
_DATE = Lazy(
    rf"(?<![\w.-])(?:datetime\.datetime\([\d, ]{{8,40}}\)|(?:19"
    rf"|20)\d{{2}}[01]\d[0-3]\d[T ]\d{{2}}:?\d{{2}}:?\d{{2}}(?:\.\d{{1,9}})?{_ZONE}"
    rf"|\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}(?:(?:[T ]|, ){_CLOCK}{_ZONE})?"
    rf"|\d{{1,2}}[/.]\d{{1,2}}[/.]\d{{4}}(?:,? {_CLOCK}{_ZONE})?"
    rf"|\d{{1,2}}/{_MONTH}/\d{{4}}(?::{_CLOCK}{_ZONE})?"
    rf"|(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{{0,6}},? )?(?:{_MONTH} {{1,2}}\d{{1,2}}"
    rf"|\d{{1,2}}[ -]{_MONTH})(?:,?[ -]\d{{2}}(?:\d{{2}})?(?![\d:]))?(?:,?:?"
    rf" {_CLOCK}{_ZONE})?(?: \d{{4}})?"
    r")(?![\w])"
)
_STAMP = Lazy(r"\d[\d/-]{7,11}T|datetime|\d{8} ?T?\d{6}")
_TIME = Lazy(
    rf"(?<![\w.:])(?:\d{{1,2}}:\d{{2}}:\d{{2}}(?:[.,]\d{{1,9}})?(?:\s?[AaPp][Mm]\b)?{_ZONE}"
    rf"|\d{{1,2}}:\d{{2}}\s?[AaPp][Mm])(?![\w:])"
)
_TRACEPARENT = Lazy(
    r"(?<![\w-])(?:00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}|1-[0-9a-f]{8}-[0-9a-f]{24})(?![\w-])"
)
_DURATION = Lazy(
    r"(?<![\w.-])(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:[.,]\d+)?(?:[eE][-+]?\d+)?\s?(?:ms|msec|msecs"
    r"|milliseconds?"
    r"|µs|us|ns|microseconds?|nanoseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?"
    r"|d|days?|weeks?|months?|years?)"
    r"(?:\s?\d+(?:\.\d+)?\s?(?:ms|s|m|h|secs?|mins?))*|P(?=\d"
    r"|T\d)(?:\d+[YMWD])*(?:T(?:\d+(?:\.\d+)?[HMS])+)?)(?![\w])"
)
_SIZE = Lazy(r"(?<![\w.-])\d{1,15}(?:[.,]\d{1,9})*\s?(?:[KMGTP]i?B|[kMG]b|[KMGTP](?=\s|$))(?![\w])")
_HEX_KEEP = Lazy(
    r"(?:HRESULT|NTSTATUS|exception|error|code|status|exit code|win32|hr)[\s:=(]{1,4}$",
    re.IGNORECASE,
)
_HEX = Lazy(
    r"(?<![\w])(?:0x[0-9a-fA-F]{1,64}|(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{7,128}"
    r"|(?=[A-F]*\d)(?=\d*[A-F])[0-9A-F]{12,128})(?![\w])"
)
_CHUNK = Lazy(
    r"(?<=[.-])(?=[A-Za-z_-]*\d|[a-z]*[A-Z])[A-Za-z0-9_-]{8,20}(?=\.(?:m?js|css|chunk"
    r"|bundle|map)\b)"
)
_RUST_HASH = Lazy(r"(?<=::)h[0-9a-f]{16}\b")
_COUNTER = Lazy(
    r"(?P<lead>(?<![A-Za-z])(?:thread|worker|pool|task|job|process|session|request|conn"
    r"|connection|shard|replica|chunk|tab|window|instance|goroutine|item|row|attempt|slot"
    r"|user|order|message|record|node|batch|frame|part|page"
    r"|step)[-_# ]?)(?P<number>\d+|(?=[a-f]{0,40}\d)[0-9a-f]{6,40})(?![\w.])",
    re.IGNORECASE,
)
_ID_KEYED = Lazy(
    r"(?P<lead>\b(?:\w{0,24}[_-])?(?:id|Id|ID|ids|guid|uuid|sha|hash"
    r"|nonce)(?:[\"']?\s{0,2}[:=]\s{0,2}[\"']?"
    r"|\s[\"']?))(?P<id>(?=[\w.:-]{0,64}\d)[\w.:-]{1,64})(?![\w])"
)
_DIGEST = Lazy(r"(?<![\w-])(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{128})(?![\w-])")
_ID_SHAPED = Lazy(
    r"(?<![\w-])(?:(?:org|proj|asst|file|run|call|chatcmpl|batch|vs|user|team|ws"
    r"|acct)-(?=[A-Za-z]*\d)"
    r"[A-Za-z0-9]{6,64}|[a-z]{2,12}_(?=[A-Za-z0-9]*\d)[A-Za-z0-9]{8,64}"
    r"|(?=[a-z0-9]*\d[a-z]+\d)[a-z0-9]{20,40}"
    r"|(?=[A-Za-z]*\d[A-Za-z]+\d)(?=\w*[A-Z]\w*[a-z]\w*[A-Z]"
    r"|\w*[a-z]\w*[A-Z]\w*[a-z])[A-Za-z0-9]{10,40})(?![\w-])"
)
_NUMBER_KEEP = Lazy(
    r"(?:error #|SQLSTATE[\s\[:=(]{0,3}|signal |RFC ?|ISO[ -]|\bv|ES|Python "
    r"|Node(?:\.js)? v?|Java |PHP |Ruby |version |Version |Go |TLSv?|SSLv?|HTTP/"
    r"|ECMAScript |Angular |React |Electron |Windows |macOS |Ubuntu |Debian |Android "
    r"|iOS )$"
)
_NUMBER = Lazy(
    r"(?<![\w.{@-])(?<![A-Za-z._]/)(?<!\w[+])[-+]?(?:\d{1,3}(?:,\d{3})+"
    r"|\d+)(?:\.\d+)?(?:[eE][-+]?\d{1,3})?(?=(?:[KMGTkmg]i?[Bb]?|px|em|rem|%|x|th|st|nd"
    r"|rd)?(?![\w]))(?!\.\d|-[A-Za-z]|[/@]\d)"
)
_POSITION = Lazy(r"(?<=[\w)\]>}:]):\d{1,9}(?::\d{1,9})?(?=$|[\s)\],;:'\"])")
_AFTER_HYPHEN = Lazy(r"(?<=[\s(=:,])[-+]?\d+(?:\.\d+)?(?=-\d)")
_UNEXPECTED = Lazy(r"(?P<lead>\bUnexpected token )(?P<what>[^\s'\"]{1,20})(?= in JSON|, )")


_END_POSITION = Lazy(r"(?<=[\w\]}>]):\d{1,9}(?::\d{1,9})?(?=\)?\s{0,2}$)")
_CLOCK_LEFT = Lazy(r"(?:^|[\sT+\[({\"'=,;-])\d{1,2}(?::\d\d)?$")
_VARIES = Lazy(rf"[\d\"'`“„«{ph.ROOT_MARKS}]|propert|Unexpected|https?:")


def without_position(line: str) -> str:
    """The line with the position at its end typed, so that frames differ in names only."""
    match = _END_POSITION.search(line, max(0, len(line) - 24))
    if match is None or _CLOCK_LEFT.search(line, max(0, match.start() - 8), match.start()):
        return line
    typed = ":{NUMBER}" * match[0].count(":")
    return line[: match.start()] + typed + line[match.end() :]


def template_line(line: str) -> str:
    """The template of one scrubbed line. Equal errors give equal templates."""
    hidden = ph.hide(line)
    if not _VARIES.search(hidden):
        return line
    return ph.reveal(_template_line(hidden))


def _template_line(line: str) -> str:
    line = _QUOTED_PATH.sub(lambda m: m["q"] + ph.PATH + m["q"], line)
    in_frame = _FRAME.match(line) is not None
    line = _ROOT.sub(lambda m: _root(m, in_frame), line)
    line = _PROPERTY.sub(_property, line)
    line = _PROPERTY_OF.sub(lambda m: m["lead"] + ph.PROPERTY_NAME, line)
    line = _UNEXPECTED.sub(lambda m: m["lead"] + ph.STRING, line)
    line = _ACCOUNT.sub(lambda m: f"{m[1]}{ph.USER}{m[1]}@{m[2]}{ph.HOST}{m[2]}", line)
    line = _quoted(line)
    line = _DATE.sub(_date, line)
    for pattern, mark in (
        (_TRACEPARENT, ph.ID),
        (_UUID, ph.UUID),
        (_TIME, ph.TIME),
    ):
        line = pattern.sub(mark, line)
    line = _ROUTE.sub(lambda m: _SEGMENT_NUMBER.sub("/" + ph.NUMBER, m[0]), line)
    line = _TICKET.sub(lambda m: m["lead"] + ph.ID, line)
    line = _STATUS.sub(lambda m: m["lead"] + ph.STATUS_CODE, line)
    line = _SIZE.sub(ph.NUMBER, _DURATION.sub(ph.DURATION, line))
    line = _ID_KEYED.sub(lambda m: m["lead"] + ph.ID, line)
    line = _DIGEST.sub(ph.HEX, line)
    line = _ID_SHAPED.sub(ph.ID, line)
    line = _HEX.sub(_hex, line)
    line = _CHUNK.sub(ph.HEX, line)
    line = _RUST_HASH.sub(ph.HEX, line)
    line = _COUNTER.sub(lambda m: m["lead"] + ph.NUMBER, line)
    line = _POSITION.sub(lambda m: re.sub(r"\d+", ph.NUMBER, m[0]), line)
    line = _AFTER_HYPHEN.sub(ph.NUMBER, line)
    return _NUMBER.sub(_number, line)


_FRAME = Lazy(r"\s*(?:at |File |from |#\d|\d+[: ]|in )|[^\s@]{0,200}@|\s+\S+$")
_PLACE = Lazy(rf"(?::(?:line )?|\()[{ph.NUMBER}\d]|[\"']?,? line ")


def _root(match: re.Match[str], in_frame: bool) -> str:
    """In a message a path is a value; in a frame, or with a position, it tells errors apart."""
    if not in_frame and not _PLACE.match(match.string, match.end()):
        return ph.PATH
    return ph.PATH + re.sub(r"[\\/]+", "/", match["tail"])


def _property(match: re.Match[str]) -> str:
    name = match["name"]
    if match["close"] != match["q"] != "`":  # only Ruby closes by another mark: `foo'
        return match[0]
    mark = name if ph.has_mark(name) else ph.PROPERTY_NAME
    return match["lead"] + match["q"] + mark + match["close"]


def _date(match: re.Match[str]) -> str:
    """A date; with its time behind a blank, both by name. RFC 3339 is one thing."""
    if _STAMP.match(match[0]):
        return ph.DATE
    return f"{ph.DATE} {ph.TIME}" if ":" in match[0] else ph.DATE


def _hex(match: re.Match[str]) -> str:
    start = match.start()
    kept = match[0][:2] == "0x" and _HEX_KEEP.search(match.string, max(0, start - 24), start)
    return match[0] if kept else ph.HEX


def _number(match: re.Match[str]) -> str:
    start = match.start()
    kept = _NUMBER_KEEP.search(match.string, max(0, start - 24), start)
    return match[0] if kept else ph.NUMBER


_QUOTES = Lazy(
    r"(?<![\w\\])(?P<q>[\"'`])(?P<body>(?:(?!(?P=q))[^\n]|(?<=\w)'(?=\w)){0,400})(?P=q)(?![\w])"
)
# Words in front of a quote that make it a name: it tells two errors apart.
_NAMING = Lazy(
    r"(?:\bmodules?|\bpackages?|\blibrary|\bplugins?|\bMCP server|\bextensions?|\bprovider"
    r"|\bcommand"
    r"|\bloader|\bpreset|\bdependenc(?:y|ies)|\bimport|\bfrom|\brequire\(?|\bcrate|\bgem"
    r"|\bnamespace|\bfunction|\bmethod|\bclass|\btypes?|\binterface|\bcomponent|\bdirective"
    r"|\bpipe|\boperator|\bsyscall|\bevent|\bprotocol|\balgorithm|\bencoding|\bcodec"
    r"|\bcharset|\bdriver|\bengine|\bchannel|\btool|\bmodel|\btarget|\bscript|\bservice"
    r"|\binstance of|\benvironment variable|\bnamed|\bhandler(?: registered)? for|\bresolve"
    r"|\bexecutable"
    r"|\bbinary|\btrait|\bmacro|\bfeature|\bscheme|\bexport(?: named)?"
    r"|\binvoking remote method|\bspawn|\bpermission|\bon (?:type )?)[\s:(]{0,3}$",
    re.IGNORECASE,
)


_ACCOUNT_LEFT = Lazy(r"\b(?:user|login|role|account|username|principal) $", re.IGNORECASE)
_ROUTE = Lazy(
    r"(?<![\w.:/-])(?:/[A-Za-z][\w.-]{0,40}){1,8}/\d{1,19}(?=$"
    r"|[\s/?#\"')\],;])(?:/[\w.-]{1,40}){0,6}"
)
_TICKET = Lazy(
    r"(?P<lead>\b(?:ticket|issue|bug|story|jira|incident|case)[ :#]{1,2})"
    r"[A-Z][A-Z0-9]{1,9}-\d{1,7}\b",
    re.IGNORECASE,
)
_SEGMENT_NUMBER = Lazy(r"/\d{1,19}(?![\w.-])")
_PATH_BODY = Lazy(r"\.{1,2}/\S*$|(?:/[\w.@+~-]+){2,}/?$|[A-Za-z]:[\\/]{1,4}[^\"'`]*$")
_ACCOUNT = Lazy(rf"(['\"`])[\w.$%{ph.MARKS}-]{{1,64}}\1@(['\"`])[\w.:%{ph.MARKS}-]{{1,128}}\2")
# In JSON the kind of an error is a name: it tells two errors apart.
_KIND_OF_ERROR = Lazy(
    r"[\"'](?:error|error_?code|error_?type|code|type|reason|kind|status|__typename)[\"']\s?:\s?$"
)
_NAME = Lazy(r"[A-Za-z_][\w.-]{0,80}$")
_CODE_NAME = Lazy(r"[A-Z][A-Z0-9_]{2,}$")


_FOREIGN_QUOTES = Lazy(rf"([“„«]\s?)[^“”„«»\n{ph.MARKS}]{{1,400}}(\s?[”“»])")


def _quoted(line: str) -> str:
    if "“" in line or "«" in line or "„" in line:
        line = _FOREIGN_QUOTES.sub(lambda m: m[1] + ph.STRING + m[2], line)
    if '"' not in line and "'" not in line and "`" not in line:
        return line
    return _QUOTES.sub(_quote, line)


def _quote(match: re.Match[str]) -> str:
    body, start = match["body"], match.start()
    if ph.has_mark(body) or (not body.strip() and match["q"] in match.string[start - 1 : start]):
        return match[0]
    if _PATH_BODY.match(body):
        return match["q"] + ph.PATH + match["q"]
    if _ACCOUNT_LEFT.search(match.string, max(0, start - 16), start):
        return match["q"] + ph.USER + match["q"]
    if match.string[max(0, start - 31) : start].endswith(("near ", "does not exist on type ")):
        return match["q"] + ph.STRING + match["q"]
    if _KIND_OF_ERROR.search(match.string, max(0, start - 32), start) and _NAME.match(body):
        return match[0]
    if _NAMING.search(match.string, max(0, start - 40), start):
        return match[0]
    if _CODE_NAME.match(body):
        return match[0]
    after = match.string[match.end() : match.end() + 12]
    if (
        match["q"] == '"'
        and after[:1] == ":"
        and match.string[max(0, start - 16) : start].rstrip()[-1:] in ("{", ",", "")
    ):
        return match[0]  # a key of JSON
    if (
        after.startswith((" object", " is not a known", ': "', '": '))
        or match.string[start - 5 : start] == "File "
    ):
        return match[0]
    return match["q"] + ph.STRING + match["q"]
