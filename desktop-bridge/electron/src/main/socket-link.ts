/** Reaches a daemon that another instance started, by its Unix socket or named pipe. */

import { connect } from "node:net";
import { lineSplitter } from "./lines.js";
import type { Link, LinkEvents } from "./link.js";

/** The first frame sent has to be a hello with the token. */
export function connectSocket(path: string, events: LinkEvents): Link {
  const socket = connect(path);
  let over = false;
  const end = (): void => {
    if (over) return;
    over = true;
    socket.destroy();
    events.onEnd();
  };
  socket.setEncoding("utf8");
  socket.on("data", lineSplitter(events.onText));
  socket.on("error", end);
  socket.on("close", end);
  return {
    send: (frame) => {
      if (!over) socket.write(`${frame}\n`);
    },
    close: () => {
      over = true;
      socket.end();
      socket.unref();
    },
  };
}
