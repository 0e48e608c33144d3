/** Compiles only if `emit` takes what the catalog allows, and nothing else. */

import type { ClientEvent, Emit, EmitFrame, EventName, PayloadOf } from "@sidespool/protocol";
import { BUILTIN_EVENT_LEVELS, createEvent } from "@sidespool/protocol";
import { createRecorder, fixedSource } from "@sidespool/protocol/testing";

declare const emit: Emit;

// What the catalog allows.
emit("ChatTurn", { prompt_length: 1 });
emit("ChatTurn", { prompt_length: 1, model: "m", latency_ms: 1.5, token_count: undefined });
emit("ChatTurn", {});
emit("ChatTurn");
emit("ChatTurn", { prompt_length: 1 }, { event_id: "0190b2f0-0000-7000-8000-000000000000" });
emit("ProposalDecision", { decision: "approved", review_duration_ms: 12 });
emit("Error", { message: "m", context: "settings" });
emit("Error", { message: "m", context: { page: "settings", attempt: 2, last: null } });
emit("ErrorReport", { error_details: { anonymized_stack_trace: ["at f (x.ts:1:2)"] } });

// What it does not.
// @ts-expect-error no such event
emit("ChatTurned", {});
// @ts-expect-error no such field
emit("ChatTurn", { prompt: "text" });
// @ts-expect-error a number, not a text
emit("ChatTurn", { prompt_length: "1" });
// @ts-expect-error null is no number
emit("ChatTurn", { prompt_length: null });
// @ts-expect-error camelCase is not the catalog's
emit("ChatTurn", { promptLength: 1 });
// @ts-expect-error not one of the enum's words
emit("ProposalDecision", { decision: "maybe" });
// @ts-expect-error a payload is an object
emit("ChatTurn", 5);
// @ts-expect-error the fields of nested objects are checked too
emit("ErrorReport", { error_details: { stack: [] } });
// @ts-expect-error maps hold plain values
emit("Error", { context: { nested: { deep: 1 } } });
// @ts-expect-error only the daemon makes summaries
emit("UsageSummary", {});
// @ts-expect-error seq is the daemon's to fill
emit("ChatTurn", {}, { seq: 1 });
// @ts-expect-error an event needs a name
emit();

// Events as values keep the tie between name and payload.
const event: ClientEvent = { event_type: "ToolCall", payload: { tool_name: "grep" } };
// @ts-expect-error the payload of another event
const mixed: ClientEvent = { event_type: "ToolCall", payload: { prompt_length: 1 } };
const frame: EmitFrame = { op: "emit", id: 1, events: [event, mixed] };
export const name: EventName = frame.events[0]?.event_type ?? "Crash";
export const level: "usage" = BUILTIN_EVENT_LEVELS.ChatTurn;

createEvent(fixedSource(), ["Crash", { process: "gpu", exit_code: -11 }]);
const recorder = createRecorder();
recorder.emit("ToolCall", { success: true });
// @ts-expect-error the recorder is typed like the real thing
recorder.emit("ToolCall", { success: "yes" });
export const calls: PayloadOf<"ToolCall">[] = recorder.payloads("ToolCall");
