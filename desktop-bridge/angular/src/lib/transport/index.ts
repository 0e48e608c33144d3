/** The transport: plain TypeScript, for any frontend. */

export { findBridge } from './bridge';
export type { Bridge, BridgeState, Door } from './bridge';
export { Client } from './client';
export type { ClientLike, Snapshot, Status } from './client';
export type { Line, LineEvents, Roads } from './line';
export type { Counts, DropCause, OutboxBounds } from './outbox';
export type { Question } from './question';
export { pageSurroundings } from './source';
export type { Surroundings } from './source';
