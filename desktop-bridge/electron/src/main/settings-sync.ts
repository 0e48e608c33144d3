/**
 * Keeps the app's settings store and the daemon's settings the same, in both directions.
 *
 * Interleavings, and why each is harmless:
 * 1. The store changes while the daemon starts: the welcome is compared with the store and the
 *    difference is told.
 * 2. A page changes a setting while ours is on its way: what the daemon broadcasts in between is
 *    not written back; the answer to ours is the last word.
 * 3. What is written back makes the store tell a change: it equals what is known, so nothing is
 *    sent.
 */

import type { AppSettingsView, SettingsChange, SettingsView } from "@sidespool/protocol";
import type { Chosen, Fixed, SettingsStore } from "./settings.js";
import {
  SETTINGS_KEYS,
  needsRestart,
  readChosen,
  readFixed,
  settingsChange,
  settingsVariables,
} from "./settings.js";

type Name = keyof Chosen;
const NAMES: readonly Name[] = ["enabled", "full_content", "level"];

export interface SyncHands {
  /** Tells the daemon; resolves, and calls `answered`, when it has answered, or cannot. */
  tell(change: SettingsChange, answered: () => void): Promise<unknown>;
  /** A change that only a new start brings about. */
  restart(): void;
}

export class SettingsSync {
  /** What the daemon was told last; undefined while none is there. */
  #known: Chosen | undefined;
  #seen: AppSettingsView = {};
  #telling = 0;
  /** Settles with the answer to the latest change. */
  #answered: Promise<unknown> = Promise.resolve();
  #fixed: Fixed;
  /** Choices of this run, for a store without `set`. */
  readonly #choices: { -readonly [N in Name]?: Chosen[N] } = {};

  constructor(
    private readonly store: SettingsStore,
    private readonly hands: SyncHands,
  ) {
    this.#fixed = readFixed(store);
    for (const key of Object.values(SETTINGS_KEYS)) {
      store.onDidChange?.(key, () => void this.push());
    }
  }

  /** Whether the daemon of this moment has not said yet what it knows. */
  get fresh(): boolean {
    return this.#known === undefined;
  }

  /** TELEMETRY_* for a start at this moment. */
  variables(): Record<string, string | undefined> {
    this.#fixed = readFixed(this.store);
    return settingsVariables(this.#wanted(), this.#fixed);
  }

  /** A daemon answered for the first time: tells it what it was not started with. */
  onWelcome(view: SettingsView): void {
    const app = view.app ?? {};
    const wanted = this.#wanted();
    this.#seen = app;
    // Where nobody chose here, the daemon's own value (a default, an inherited variable) stands.
    this.#known = {
      enabled: wanted.enabled === null ? null : (app.enabled ?? null),
      full_content: wanted.full_content === null ? null : (app.full_content ?? null),
      level: wanted.level === null ? null : (app.level ?? null),
    };
    void this.push();
  }

  onGone(): void {
    this.#known = undefined;
    this.#telling = 0;
  }

  /** The daemon's settings changed: what another client chose is kept in the store. */
  onView(view: SettingsView): void {
    const app = view.app ?? {};
    const before = this.#seen;
    this.#seen = app;
    if (this.#known === undefined || this.#telling > 0) return;
    for (const name of NAMES) {
      const value = app[name];
      if (value === undefined || value === null || value === before[name]) continue;
      this.#known = { ...this.#known, [name]: value };
      this.#keep(name, value);
    }
  }

  /** The app's own code chose. */
  choose<N extends Name>(name: N, value: NonNullable<Chosen[N]>): Promise<unknown> {
    this.#keep(name, value);
    return this.push();
  }

  /** Tells the daemon what it does not know yet; resolves when it knows everything, or cannot. */
  push(): Promise<unknown> {
    const fixed = readFixed(this.store);
    const wanted = this.#wanted();
    const moved = fixed.endpoint !== this.#fixed.endpoint || fixed.user_id !== this.#fixed.user_id;
    if (moved || (this.#known !== undefined && needsRestart(this.#known, wanted))) {
      this.#fixed = fixed;
      this.#known = undefined;
      this.hands.restart();
      return Promise.resolve();
    }
    const change = this.#known && settingsChange(this.#known, wanted);
    if (change === undefined) return this.#answered;
    this.#known = wanted;
    this.#telling += 1;
    this.#answered = this.hands.tell(change, () => {
      this.#telling = Math.max(0, this.#telling - 1);
    });
    return this.#answered;
  }

  #wanted(): Chosen {
    return { ...readChosen(this.store), ...this.#choices };
  }

  #keep(name: Name, value: boolean | string): void {
    const { set } = this.store;
    if (set === undefined) Object.assign(this.#choices, { [name]: value });
    else set.call(this.store, SETTINGS_KEYS[name], value);
  }
}
