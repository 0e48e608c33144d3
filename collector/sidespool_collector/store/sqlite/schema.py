"""The SQLite schema and its migrations: forward only, checked at start.

Layout, and why:

- `event` is keyed by the 16 bytes of its UUIDv7 without a rowid: new ids land at the end of the
  tree, and the key itself is what dedupes. With random ids the same code is four times slower.
- What all events of a session share (session, user, app, version, system) stands once in
  `source`; an event carries its number. `source.install` is the number of
  the install's first source, so that sets of installs are bitmaps (see store/presence.py).
- A payload is the JSON array of its values; the names stand once in `event_type.fields`. A type
  whose fields change gets a further number, so that old events stay readable. That saves a third
  of the file. The view `events` gives objects again, for people.
- `event_at (type, at)` serves retention by type, export by time and the rollups.
- `rollup` holds facts by hour and by day, percentiles as log-histograms, so that charts do not
  read events. `dirty_hour` names the hours to be computed again: after a crash nothing is lost.
- `presence` holds sessions and sets of installs by hour and day, `intake` counts what came in.
- Times are corrected Unix ms; `skew` is what was taken off the client's own clock (0 costs no
  byte in SQLite's record format).
"""

import sqlite3

from sidespool_collector.chart.measure import bucket_of
from sidespool_collector.store.contract import StoreError

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE event_type (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL, fields TEXT NOT NULL, UNIQUE (name, fields)
    );
    CREATE TABLE source (
        id INTEGER PRIMARY KEY,
        session_id TEXT NOT NULL, user_id TEXT NOT NULL, app_id TEXT NOT NULL,
        app_version TEXT NOT NULL, os TEXT NOT NULL,
        first_at INTEGER NOT NULL, last_at INTEGER NOT NULL, install INTEGER NOT NULL,
        UNIQUE (session_id, user_id, app_id, app_version, os)
    );
    CREATE INDEX source_user ON source (user_id);
    CREATE INDEX source_first ON source (first_at, install, app_version, os);
    CREATE TABLE batch (
        id INTEGER PRIMARY KEY, key TEXT UNIQUE, token TEXT NOT NULL,
        received_at INTEGER NOT NULL, accepted INTEGER NOT NULL,
        duplicates INTEGER NOT NULL, rejected INTEGER NOT NULL, skew INTEGER, delay INTEGER
    );
    CREATE INDEX batch_received ON batch (received_at);
    CREATE TABLE event (
        id BLOB PRIMARY KEY, type INTEGER NOT NULL, at INTEGER NOT NULL, skew INTEGER NOT NULL,
        source INTEGER NOT NULL, batch INTEGER NOT NULL, seq INTEGER NOT NULL,
        payload TEXT NOT NULL, aside TEXT
    ) WITHOUT ROWID;
    CREATE INDEX event_at ON event (type, at);
    CREATE TABLE rejected (
        id INTEGER PRIMARY KEY, received_at INTEGER NOT NULL, event_id TEXT, reason TEXT NOT NULL,
        detail TEXT NOT NULL, event_type TEXT NOT NULL, user_id TEXT NOT NULL,
        size INTEGER NOT NULL, content TEXT
    );
    CREATE INDEX rejected_received ON rejected (received_at);
    CREATE INDEX rejected_user ON rejected (user_id);
    CREATE TABLE dirty_hour (hour INTEGER PRIMARY KEY, change INTEGER NOT NULL);
    CREATE TABLE rollup (
        grain INTEGER NOT NULL, measure TEXT NOT NULL, start INTEGER NOT NULL,
        key TEXT NOT NULL, app_version TEXT NOT NULL, os TEXT NOT NULL,
        n INTEGER NOT NULL, ok INTEGER NOT NULL, samples INTEGER NOT NULL, total REAL NOT NULL,
        histogram TEXT NOT NULL,
        PRIMARY KEY (grain, measure, start, key, app_version, os)
    ) WITHOUT ROWID;
    CREATE TABLE error_group (
        id TEXT PRIMARY KEY, error_type TEXT NOT NULL, template TEXT NOT NULL,
        stack TEXT NOT NULL, first_at INTEGER NOT NULL, last_at INTEGER NOT NULL,
        status TEXT NOT NULL DEFAULT 'open', resolved_at INTEGER
    ) WITHOUT ROWID;
    CREATE TABLE erasure (
        receipt TEXT PRIMARY KEY, state TEXT NOT NULL, requested_at INTEGER NOT NULL,
        finished_at INTEGER, pending TEXT NOT NULL, events INTEGER NOT NULL DEFAULT 0,
        sessions INTEGER NOT NULL DEFAULT 0, rejected INTEGER NOT NULL DEFAULT 0,
        attachments INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID;
    CREATE TABLE tombstone (mark BLOB PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE attachment (
        event_id BLOB NOT NULL, name TEXT NOT NULL, content_type TEXT NOT NULL,
        size INTEGER NOT NULL, digest TEXT NOT NULL, received_at INTEGER NOT NULL,
        PRIMARY KEY (event_id, name)
    ) WITHOUT ROWID;
    CREATE INDEX attachment_digest ON attachment (digest);
    CREATE TABLE loose_file (digest TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE audit (
        id INTEGER PRIMARY KEY, at INTEGER NOT NULL, who TEXT NOT NULL, act TEXT NOT NULL,
        detail TEXT NOT NULL
    );
    CREATE VIEW events AS
        SELECT lower(substr(hex(e.id), 1, 8) || '-' || substr(hex(e.id), 9, 4) || '-' ||
                     substr(hex(e.id), 13, 4) || '-' || substr(hex(e.id), 17, 4) || '-' ||
                     substr(hex(e.id), 21)) AS event_id,
               t.name AS event_type, e.at AS corrected_ms, e.at + e.skew AS timestamp_ms,
               datetime(e.at / 1000, 'unixepoch') AS time,
               s.session_id, s.user_id, s.app_id, s.app_version, s.os, e.seq,
               (SELECT json_group_object(f.value, CASE v.type
                         WHEN 'true' THEN json('true') WHEN 'false' THEN json('false')
                         WHEN 'array' THEN json(v.value) WHEN 'object' THEN json(v.value)
                         ELSE v.value END)
                  FROM json_each(t.fields) f JOIN json_each(e.payload) v ON v.key = f.key
                 WHERE v.type != 'null') AS payload,
               e.aside,
               b.received_at AS received_ms
          FROM event e JOIN event_type t ON t.id = e.type JOIN source s ON s.id = e.source
          LEFT JOIN batch b ON b.id = e.batch;
    """,
    """
    CREATE TABLE presence (
        grain INTEGER NOT NULL, start INTEGER NOT NULL, app_version TEXT NOT NULL,
        os TEXT NOT NULL, sessions INTEGER NOT NULL, installs BLOB NOT NULL,
        PRIMARY KEY (grain, start, app_version, os)
    ) WITHOUT ROWID;
    CREATE TABLE intake (
        hour INTEGER NOT NULL, what TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (hour, what)
    ) WITHOUT ROWID;
    UPDATE source SET install = (SELECT min(id) FROM source s WHERE s.user_id = source.user_id);
    INSERT OR REPLACE INTO dirty_hour (hour, change)
        SELECT hour, random() FROM (SELECT DISTINCT first_at / 3600000 AS hour FROM source);
    INSERT INTO intake (hour, what, n)
        SELECT received_at / 3600000 AS hour, 'batches', count(*) FROM batch GROUP BY hour
        UNION ALL SELECT received_at / 3600000 AS hour, 'accepted', sum(accepted) FROM batch
                   GROUP BY hour
        UNION ALL SELECT received_at / 3600000 AS hour, 'duplicates', sum(duplicates) FROM batch
                   GROUP BY hour
        UNION ALL SELECT received_at / 3600000 AS hour, 'rejected', sum(rejected) FROM batch
                   GROUP BY hour
        UNION ALL SELECT received_at / 3600000 AS hour, 'skewed', count(*) FROM batch
                   WHERE abs(skew) > 60000 GROUP BY hour
        UNION ALL SELECT received_at / 3600000 AS hour, 'reason ' || reason AS what, count(*)
                    FROM rejected GROUP BY hour, what
        UNION ALL SELECT received_at / 3600000 AS hour, 'delay ' || bucket_of(delay) AS what,
                         count(*) FROM batch WHERE delay IS NOT NULL GROUP BY hour, what;
    """,
)

SCHEMA_VERSION = len(MIGRATIONS)


def connect(path: str, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection as every part of the store uses it; the thread that opens it may hand it on."""
    target = f"file:{_uri(path)}?mode={'ro' if read_only else 'rwc'}"
    connection = sqlite3.connect(
        target, uri=True, isolation_level=None, check_same_thread=False, timeout=10
    )
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute(f"PRAGMA cache_size = {-4_000 if read_only else -16_000}")  # KiB
    return connection


def _uri(path: str) -> str:
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def prepare(connection: sqlite3.Connection) -> None:
    """Sets the file up and migrates it; raises StoreError where it is newer than this program."""
    connection.execute("PRAGMA page_size = 8192")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")  # a reply promises durability, power loss too
    connection.create_function("bucket_of", 1, bucket_of, deterministic=True)  # for a migration
    connection.execute("PRAGMA secure_delete = ON")  # what is erased is overwritten, not unlinked
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"the store has schema {version}, this program knows {SCHEMA_VERSION}: "
            "install the newer collector, or restore a backup made before the upgrade"
        )
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        connection.executescript(
            f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {number}; COMMIT"
        )
