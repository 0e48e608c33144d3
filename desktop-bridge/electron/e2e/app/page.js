// The smallest page that speaks the protocol: over the WebSocket, else over the MessagePort.
"use strict";

function connected(send, listen) {
  let lastId = 0;
  const waiting = new Map();
  listen((frame) => {
    waiting.get(frame.id)?.(frame);
    waiting.delete(frame.id);
  });
  return (frame) =>
    new Promise((answer) => {
      lastId += 1;
      waiting.set(lastId, answer);
      send({ ...frame, id: lastId });
    });
}

/** Waits for a daemon: without one a port would be closed at once. */
async function openDoor() {
  for (;;) {
    const door = await window.sidespool.door();
    if (door !== null) return door;
    await new Promise((changed) => window.sidespool.onState(changed));
  }
}

async function overSocket(door) {
  const address = `${door.url.replace("http", "ws")}/v1/socket`;
  const socket = new WebSocket(address, ["sidespool.v1", `token.${door.token}`]);
  const opened = await new Promise((done) => {
    socket.onopen = () => done(true);
    socket.onerror = () => done(false);
  });
  if (!opened) return null;
  const ask = connected(
    (frame) => socket.send(JSON.stringify(frame)),
    (hear) => (socket.onmessage = (event) => hear(JSON.parse(event.data))),
  );
  await ask({ op: "hello", client: "renderer", session_id: door.session_id });
  return ask;
}

async function overPort() {
  const port = await new Promise((came) => {
    window.addEventListener("message", (event) => {
      if (event.source === window && event.data === "sidespool:port") came(event.ports[0]);
    });
    window.sidespool.openPort();
  });
  const ask = connected(
    (frame) => port.postMessage(frame),
    (hear) => (port.onmessage = (event) => hear(event.data)),
  );
  return ask;
}

window.connect = async () => {
  const door = await openDoor();
  const socket = await overSocket(door).catch(() => null);
  window.ask = socket ?? (await overPort());
  window.transport = socket === null ? "port" : "socket";
  return window.transport;
};
