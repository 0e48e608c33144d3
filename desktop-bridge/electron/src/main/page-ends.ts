/**
 * Sees pages end, and what of theirs is left. A page tells how many of its events nobody has
 * acknowledged; one that goes in peace hands them over, and they are sent from here. Of one that
 * crashes, or whose last words do not come, so many are counted as lost: at most so many are.
 */

import { HAND_OVER_CHANNEL, PENDING_CHANNEL } from "../channel.js";
import type { IpcMainLike, MessageEventLike, SenderLike } from "./electron-like.js";
import { LEAVING_MS, PAGE_EVENTS_MAX } from "./policy.js";
import { senderAllowed } from "./sender.js";

export interface PageEndHands {
  /** An event of a page that went, with its id and time. */
  adopt(event: object): void;
  /** All of one page were given to `adopt`. */
  adopted(): void;
  /** A page is gone, and with it at most so many events. */
  lose(events: number): void;
}

export class PageEnds {
  /** What each page has told last, by the id of its sender. */
  readonly #pending = new Map<number, number>();
  /** Pages that went and may still hand over. */
  readonly #leaving = new Map<number, { events: number; timer: NodeJS.Timeout }>();
  readonly #watched = new Set<number>();
  /** Messages from elsewhere, or of another shape. */
  refused = 0;

  constructor(
    ipcMain: IpcMainLike,
    private readonly origins: readonly string[],
    private readonly hands: PageEndHands,
  ) {
    ipcMain.on(PENDING_CHANNEL, (event, ...given) => this.#onPending(event, given));
    ipcMain.on(HAND_OVER_CHANNEL, (event, ...given) => this.#onHandOver(event, given));
  }

  /** No more words of any page are awaited: the app goes. */
  settle(): void {
    for (const id of [...this.#leaving.keys()]) this.#give(id);
  }

  #onPending(event: MessageEventLike, [count, ...more]: unknown[]): void {
    if (!this.#judge(event, more.length === 0 && isCount(count))) return;
    this.#watch(event.sender);
    this.#pending.set(event.sender.id, count as number);
  }

  #onHandOver(event: MessageEventLike, [texts, ...more]: unknown[]): void {
    const events = more.length === 0 ? eventsOf(texts) : undefined;
    if (!this.#judge(event, events !== undefined)) return;
    const { id } = event.sender;
    const leaving = this.#leaving.get(id);
    clearTimeout(leaving?.timer);
    // Its end may have been seen before its last words came: those of the next page stay.
    if (!this.#leaving.delete(id)) this.#pending.delete(id);
    for (const one of events ?? []) this.hands.adopt(one);
    this.hands.adopted();
  }

  #judge(event: MessageEventLike, shaped: boolean): boolean {
    const good = shaped && senderAllowed(event, this.origins);
    if (!good) this.refused += 1;
    return good;
  }

  #watch(page: SenderLike): void {
    const { id } = page;
    if (this.#watched.has(id)) return;
    this.#watched.add(id);
    page.on("render-process-gone", () => this.#end(id, 0));
    page.on("did-navigate", () => this.#end(id, LEAVING_MS));
    page.once("destroyed", () => {
      this.#end(id, LEAVING_MS);
      this.#watched.delete(id);
    });
  }

  #end(id: number, patienceMs: number): void {
    const events = this.#pending.get(id) ?? 0;
    this.#pending.delete(id);
    if (events === 0) return;
    this.#give(id);
    const timer = setTimeout(() => this.#give(id), patienceMs);
    timer.unref();
    this.#leaving.set(id, { events, timer });
    if (patienceMs === 0) this.#give(id);
  }

  /** Up: what this page has not handed over is lost. */
  #give(id: number): void {
    const leaving = this.#leaving.get(id);
    if (leaving === undefined) return;
    clearTimeout(leaving.timer);
    this.#leaving.delete(id);
    this.hands.lose(leaving.events);
  }
}

const isCount = (value: unknown): boolean =>
  Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= PAGE_EVENTS_MAX;

/** Each text as the event it is; undefined where anything else was sent. */
function eventsOf(texts: unknown): readonly object[] | undefined {
  if (!Array.isArray(texts) || texts.length > PAGE_EVENTS_MAX) return undefined;
  try {
    const events = texts.map((text) => JSON.parse(text as string) as unknown);
    const sound = events.every((one) => typeof (one as Shape | null)?.event_type === "string");
    return sound ? (events as object[]) : undefined;
  } catch {
    return undefined;
  }
}

interface Shape {
  readonly event_type?: unknown;
}
