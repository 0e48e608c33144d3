/** Names the session that all events of one run of the app belong to. */

/** The daemon's bound for a session id. */
const CHARS_MAX = 64;

/** `debug:<tag>:<session>`, so that a developer finds their own events. */
export function sessionName(session: string, tag: string | null): string {
  if (tag === null) return session;
  const clean = tag.replace(/[^A-Za-z0-9._-]/g, "-").slice(0, 40);
  return `debug:${clean}:${session}`.slice(0, CHARS_MAX);
}
