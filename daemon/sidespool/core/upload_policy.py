"""Numbers of the upload with a reason that no setting changes; each says where it comes from."""

# The public contract: exponential, full jitter, 5 s to 1 h.
BACKOFF_BASE_S = 5.0
BACKOFF_CAP_S = 3_600.0
# Full jitter may roll a zero; a collector in trouble is still not asked more than once a second.
PAUSE_FLOOR_S = 1.0

# A fleet that is told "Retry-After: 60" at once would come back at once: each waits up to a tenth
# longer than it was told.
RETRY_AFTER_SPREAD = 0.1

# A keychain has no way to say that an entry changed; a few seconds are soon enough after a person
# has stored a new token, and happens only while there is something to send.
TOKEN_REREAD_S = 5.0
# A token that was refused may be let in again without changing; once an hour is no burden.
UNAUTHORIZED_RETRY_S = 3_600.0
# A locked keychain waits for a person's password; the upload does not wait with it.
KEYCHAIN_DEADLINE_S = 10.0

CONNECT_DEADLINE_S = 10.0
# 60 s for the collector to think, and a modem's 16 KiB/s for the bytes.
REQUEST_DEADLINE_S = 60.0
SLOWEST_BYTES_PER_S = 16 * 1024
SILENCE_DEADLINE_S = 30.0

# Fewer thread hops than 64 KiB, and still little memory (docs/decisions/0004-upload-client.md).
READ_BYTES = 256 * 1024

REDIRECTS_MAX = 3

# Events in another receiver's form, before gzip: OpenTelemetry's and PostHog's receivers take
# about 20 MiB, and not all of them say 413 to more.
MAPPED_BYTES_MAX = 16 * 1024 * 1024

# An answer that could not be carried out (disk full) is tried again, without sending again.
SETTLE_RETRY_S = 30.0

# Wall clock against monotonic clock: a difference beyond this is a sleep or a clock set by hand.
CLOCK_JUMP_S = 10.0


def backoff_s(failures: int, dice: float) -> float:
    """Seconds to wait after `failures` ≥ 1 in a row; `dice` in [0, 1).

    Full jitter (Brooker, "Exponential Backoff And Jitter", AWS 2015): anywhere between nothing
    and the exponential bound, which spreads a fleet best.
    """
    doublings = min(failures - 1, 16)  # 5 s × 2^16 is far above the cap, and no float overflows
    bound = min(BACKOFF_CAP_S, BACKOFF_BASE_S * (1 << doublings))
    return max(dice * bound, PAUSE_FLOOR_S)
