/** Compiles only if an application's own events are known to `emit` beside the built-in ones. */

import type { Emit } from "@sidespool/protocol";
import type { ExportFinishedPayload } from "../test/app-events.js";

declare const emit: Emit;

const finished: ExportFinishedPayload = { format: "pdf", size_bytes: 1 };
emit("ExportFinished", finished);
emit("ExportFinished", { format: "html", succeeded: true });
emit("SyncFailed", { last_server: { status_code: 503, headers: { "retry-after": "120" } } });
emit("SyncFailed");
emit("ChatTurn", { prompt_length: 1 });

// @ts-expect-error a required field is missing
emit("ExportFinished", {});
// @ts-expect-error the payload is missing
emit("ExportFinished");
// @ts-expect-error not one of the enum's words
emit("ExportFinished", { format: "gif" });
// @ts-expect-error a number within the object
emit("SyncFailed", { last_server: { status_code: "503" } });
// @ts-expect-error no such event
emit("ExportStarted", {});
