"""Numbers with a reason that no setting changes; each says where it comes from."""

from sidespool.wire.level import Level

KIB = 1024
MIB = 1024 * KIB

# Local protocol: the public contract's limits.
FRAME_BYTES_MAX = 8 * MIB
EVENT_BYTES_MAX = 64 * KIB
EVENT_BYTES_MAX_FULL = 1 * MIB
EVENTS_PER_FRAME_MAX = 1_000
MAP_KEY_CHARS_MAX = 64
FRAME_DEADLINE_S = 10.0

# Stacks remembered per field of a catalog: two hundred long ones, twice, or 3 MB at most.
GENERATION_CHARS = 3 * MIB // 2

# What waits for the disk is bounded even when the disk stalls: the doors stop reading here until
# half of it is durable. It is also the most that one sync carries, and 2 MiB is plenty for that.
INFLIGHT_BYTES_HIGH = 2 * MIB
INFLIGHT_BYTES_LOW = 1 * MIB

# A segment is a batch is an upload: 1 MiB is one request, also over a slow uplink.
SEGMENT_BYTES_MAX = 1 * MIB
SEGMENT_EVENTS_MAX = 10_000
# The collector bounds what a body inflates to; stay well below it (text compresses 4 to 12 times).
SEGMENT_RAW_BYTES_MAX = 16 * MIB
# A segment can exceed that by one group of commits; what inflates further is no segment of ours.
SEGMENT_INFLATED_BYTES_MAX = SEGMENT_RAW_BYTES_MAX + 4 * FRAME_BYTES_MAX

# Small sealed segments gather while there is no network: from this many of a level on they are
# merged, as far as they fit into one. Fewer are not worth the writing.
MERGE_SEGMENTS_MIN = 16
MERGE_SEGMENTS_MAX = 64  # at once: some 25 ms of the writer's thread

# What was set aside is evidence, not content on its way: a fifth of the quota, and no more than
# the history may hold.
QUARANTINE_SHARE = 5
QUARANTINE_BYTES_MAX = 5 * MIB

AGE_DAYS_MAX_ERROR = 30
# Eviction by age waits for this long after the start: the spool is offered to the collector
# first, and a clock that is wrong at start-up costs nothing.
AGE_CHECK_INTERVAL_S = 3_600.0

# After a refused write the disk is left alone for a moment instead of failing each emit anew.
DISK_RETRY_S = 1.0

# Least important first: what needs the most consent is the least needed to repair a release.
EVICTION_ORDER = (Level.FULL, Level.USAGE, Level.ERROR, Level.CRASH)

HISTORY_BYTES_MAX = 5 * MIB
HISTORY_AGE_DAYS_MAX = 30
# The history is pruned each time this much was added, to the maximum less this much.
HISTORY_SLACK_BYTES = MIB // 4
LOG_BYTES_MAX = 1 * MIB
LOG_FILES = 4  # with the active one: 5 MiB in all

# A report of losses is worth an event once an hour at most.
CLIENT_REPORT_INTERVAL_S = 3_600.0
# Reports in the spool whose fate is followed; two weeks offline make fewer than this.
REPORTS_FOLLOWED_MAX = 400

# Sequence numbers are reserved on disk in blocks, so that a crash skips some and repeats none.
SEQ_BLOCK = 100_000

TOKEN_BYTES = 32
HEAD_BYTES_MAX = 16 * KIB
CONNECTIONS_MAX = 64

# A frame holds 8 MiB, which is 6 MiB of base64; a diff or a file beyond 5 MiB explains nothing.
ATTACHMENT_BYTES_MAX = 5 * MIB
# Waiting attachments together: as much as the history may hold, four times.
ATTACHMENTS_BYTES_MAX = 20 * MIB
ATTACHMENT_AGE_DAYS_MAX = 14
