/** The parts of the daemon's status that the settings show; anything may be missing. */

export interface Deletion {
  readonly state: string;
  readonly receipt: string;
}

export interface StatusView {
  readonly endpoint: string;
  readonly userId: string;
  /** Events that wait in the spool, and events the collector confirmed. */
  readonly waiting: number;
  readonly delivered: number;
  /** The latest request, if any. */
  readonly deletion: Deletion | undefined;
}

type Json = Readonly<Record<string, unknown>>;

export function readStatus(answer: Json): StatusView {
  const tally = asObject(answer['tally']);
  const requests = Array.isArray(answer['deletion']) ? (answer['deletion'] as unknown[]) : [];
  const latest = requests.map(asObject).reduce<Json | undefined>(later, undefined);
  return {
    endpoint: asText(answer['endpoint']),
    userId: asText(answer['user_id']),
    waiting: asNumber(tally['in_spool']),
    delivered: asNumber(tally['delivered']),
    deletion: latest && { state: asText(latest['state']), receipt: asText(latest['receipt']) },
  };
}

export interface Batch {
  readonly batchId: string;
  readonly sentAt: Date;
  readonly sizeBytes: number;
}

/** The answer of `/v1/history`, newest first. */
export function readBatches(text: string): readonly Batch[] {
  const { batches } = asObject(parse(text)) as { batches?: unknown };
  return (Array.isArray(batches) ? (batches as unknown[]) : []).map(asObject).map((batch) => ({
    batchId: asText(batch['batch_id']),
    sentAt: new Date(asText(batch['sent_at'])),
    sizeBytes: asNumber(batch['size_bytes']),
  }));
}

export interface Shown {
  readonly id: string;
  readonly type: string;
  /** The whole event, laid out for reading. */
  readonly json: string;
}

/** JSON lines as the daemon stores and sends them. */
export function readEvents(lines: string): readonly Shown[] {
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const event = parse(line);
      const { event_id, event_type } = asObject(event);
      return {
        id: asText(event_id),
        type: asText(event_type),
        json: JSON.stringify(event, null, 2) ?? line,
      };
    });
}

function later(best: Json | undefined, one: Json): Json {
  return best === undefined || asNumber(one['requested_ms']) >= asNumber(best['requested_ms'])
    ? one
    : best;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const asObject = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
const asText = (value: unknown): string => (typeof value === 'string' ? value : '');
const asNumber = (value: unknown): number => (typeof value === 'number' ? value : 0);
