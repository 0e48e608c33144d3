import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { HAND_OVER_CHANNEL, PENDING_CHANNEL } from "../src/channel.js";
import { PageEnds } from "../src/main/page-ends.js";
import { OWN_ORIGINS } from "../src/main/sender.js";
import { createFakeIpcMain, createFakePage, messageFrom } from "../src/testing/index.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const TEXTS = ["a", "b"].map((id) => JSON.stringify({ event_id: id, event_type: "ToolCall" }));

function world() {
  const ipcMain = createFakeIpcMain();
  const adopted: object[] = [];
  const lost: number[] = [];
  const ends = new PageEnds(ipcMain, OWN_ORIGINS, {
    adopt: (event) => void adopted.push(event),
    adopted: () => {},
    lose: (events) => void lost.push(events),
  });
  const page = createFakePage();
  const from = messageFrom("app://main/", { sender: page });
  return {
    ...{ ends, adopted, lost, page },
    pending: (count: unknown, event = from) => ipcMain.post(PENDING_CHANNEL, event, count),
    handOver: (texts: unknown, event = from) => ipcMain.post(HAND_OVER_CHANNEL, event, texts),
  };
}

test("a page that crashes has lost what nobody had acknowledged, and no more", () => {
  const { pending, page, lost } = world();
  pending(7);
  pending(3);
  page.happen("render-process-gone");
  page.destroy();
  vi.runAllTimers();
  expect(lost).toEqual([3]);
});

test("one that had everything acknowledged has lost nothing", () => {
  const { pending, page, lost } = world();
  pending(7);
  pending(0);
  page.happen("render-process-gone");
  expect(lost).toEqual([]);
});

test.each(["before", "after"])("one that hands over %s its end is seen loses nothing", (when) => {
  const { pending, handOver, page, adopted, lost } = world();
  pending(2);
  if (when === "before") handOver(TEXTS);
  page.happen("did-navigate");
  if (when === "after") handOver(TEXTS);
  vi.runAllTimers();
  expect(adopted).toEqual(TEXTS.map((text) => JSON.parse(text) as object));
  expect(lost).toEqual([]);
});

test("one that goes without a word is counted once, and the next page for itself", () => {
  const { pending, handOver, page, lost } = world();
  pending(2);
  page.happen("did-navigate");
  pending(5);
  vi.runAllTimers();
  expect(lost).toEqual([2]);
  handOver([]);
  page.destroy();
  vi.runAllTimers();
  expect(lost).toEqual([2]);
});

test("when the app goes nothing more is awaited", () => {
  const { ends, pending, page, lost } = world();
  pending(4);
  page.destroy();
  expect(lost).toEqual([]);
  ends.settle();
  expect(lost).toEqual([4]);
});

test("other senders and other shapes change nothing, and are counted", () => {
  const { ends, pending, handOver, adopted, lost, page } = world();
  const strangers = [
    messageFrom("https://evil.example/", { sender: page }),
    messageFrom("app://main/", { sender: page, parent: {} }),
  ];
  for (const event of strangers) {
    pending(9, event);
    handOver(TEXTS, event);
  }
  for (const count of [-1, 1.5, Number.NaN, "9", 1e12, undefined, null]) pending(count);
  for (const texts of ["x", [1], ["{"], ["null"], ["[]"], [{}], ['{"op":"set"}'], undefined]) {
    handOver(texts);
  }
  page.happen("render-process-gone");
  expect([adopted, lost]).toEqual([[], []]);
  expect(ends.refused).toBe(4 + 7 + 8);
});
