/** A collector small enough for a test: speaks the upload protocol, keeps what it was sent. */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";

export interface StoredEvent {
  readonly event_id: string;
  readonly event_type: string;
  readonly session_id: string;
  readonly app_id: string;
  readonly seq: number;
  readonly payload: Readonly<Record<string, unknown>>;
}

export interface TestCollector {
  readonly url: string;
  /** By id, in order of arrival: what comes twice stands here once. */
  readonly events: StoredEvent[];
  /** What arrived twice. */
  readonly duplicates: string[];
  /** The authorization header of each batch. */
  readonly authorizations: (string | undefined)[];
  /** While false, batches get 503. */
  open: boolean;
  /** In the order they were emitted (levels travel apart), without the daemon's own reports. */
  types(): string[];
  close(): Promise<void>;
}

export async function startCollector(): Promise<TestCollector> {
  const events: StoredEvent[] = [];
  const seen = new Set<string>();
  const duplicates: string[] = [];
  const authorizations: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      if (!collector.open) return void response.writeHead(503).end();
      authorizations.push(request.headers.authorization);
      const text = gunzipSync(Buffer.concat(chunks)).toString("utf8");
      const batch = text
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line) as StoredEvent);
      let twice = 0;
      for (const event of batch) {
        if (seen.has(event.event_id)) (duplicates.push(event.event_id), (twice += 1));
        else (seen.add(event.event_id), events.push(event));
      }
      const answer = { accepted: batch.length - twice, duplicates: twice, rejected: [] };
      response.writeHead(202, { "Content-Type": "application/json" }).end(JSON.stringify(answer));
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const collector: TestCollector = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    events,
    duplicates,
    authorizations,
    open: true,
    types: () =>
      [...events]
        .sort((one, other) => one.seq - other.seq)
        .map((event) => event.event_type)
        .filter((type) => type !== "ClientReport"),
    close: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
  return collector;
}
