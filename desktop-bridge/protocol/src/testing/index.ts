/** What a test of an application needs: a recorder in place of a client, and a scripted daemon. */

export { createRecorder } from "./recorder.js";
export type { Recorder } from "./recorder.js";
export { createFakeDaemon } from "./fake-daemon.js";
export type { FakeDaemon, FakeDaemonOptions } from "./fake-daemon.js";
export { fixedSource } from "./fixed-source.js";
