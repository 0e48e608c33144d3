// The smallest main process that uses Sidespool without any package of ours: start the sidecar,
// speak frames over its standard input and output, hand over at quit.
const { spawn } = require("node:child_process");
const readline = require("node:readline");

function startSidespool({ command, args = [], settings, appId, appVersion, endpoint, token }) {
  const env = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    ...(process.env.DO_NOT_TRACK ? { DO_NOT_TRACK: process.env.DO_NOT_TRACK } : {}),
    ...(process.env.TELEMETRY_DATA_DIR ? { TELEMETRY_DATA_DIR: process.env.TELEMETRY_DATA_DIR } : {}),
    TELEMETRY_ENABLED: settings.telemetryEnabled === false ? "0" : "1",
    TELEMETRY_APP_ID: appId,
    TELEMETRY_APP_VERSION: appVersion,
    TELEMETRY_ENDPOINT: endpoint,
  };
  const child = spawn(command, [...args, "run", "--stdio"], {
    env,
    stdio: ["pipe", "pipe", "inherit"],
    windowsHide: true,
  });
  const answers = readline.createInterface({ input: child.stdout });
  const waiting = new Map();
  let nextId = 1;
  let ready;
  const whenReady = new Promise((resolve) => (ready = resolve));
  answers.on("line", (line) => {
    const frame = JSON.parse(line);
    if (frame.op === "ready") ready(frame);
    else if (waiting.has(frame.id)) {
      waiting.get(frame.id)(frame);
      waiting.delete(frame.id);
    }
  });
  const ask = (frame) =>
    new Promise((resolve) => {
      const id = nextId++;
      waiting.set(id, resolve);
      child.stdin.write(JSON.stringify({ ...frame, id }) + "\n");
    });
  // Secrets go over the pipe, never into arguments or the environment of other processes.
  whenReady.then(() => ask({ op: "set", secrets: { collector_token: token } }));
  return {
    whenReady,
    emit: (event_type, payload) => ask({ op: "emit", events: [{ event_type, payload }] }),
    setEnabled: (enabled) => ask({ op: "set", settings: { enabled } }),
    flush: () => ask({ op: "flush" }),
    status: () => ask({ op: "status" }),
    // At quit: close the pipe and leave. The daemon delivers what it has on its own grace.
    quit: () => new Promise((resolve) => child.on("exit", resolve) && child.stdin.end()),
  };
}

module.exports = { startSidespool };
