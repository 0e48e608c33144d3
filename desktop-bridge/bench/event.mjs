// The event that is measured, and the middle of measurements.

export const PAYLOAD = {
  prompt_length: 120,
  response_length: 900,
  model: "model-1",
  latency_ms: 840.5,
  token_count: 300,
};

export const EVENT = {
  event_id: "0190b2f0-0000-7000-8000-000000000000",
  event_type: "ChatTurn",
  timestamp: "2026-01-02T03:04:05.678Z",
  payload: PAYLOAD,
};

/** Whole nanoseconds. */
export function median(all) {
  return Math.round([...all].sort((a, b) => a - b)[all.length >> 1]);
}
