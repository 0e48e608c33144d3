/** Counts events that were given up before they came to the daemon, and tells it. */

import type { LossCounts, LossReason } from "@sidespool/protocol";
import { LossLedger } from "@sidespool/protocol";
import type { Questions } from "./questions.js";

export class Losses {
  /** All of this run of the app. */
  readonly counts: LossCounts = {};
  readonly #ledger = new LossLedger();
  #scheduled = false;

  constructor(private readonly questions: Questions) {}

  note(reason: LossReason, events: number): void {
    this.counts[reason] = (this.counts[reason] ?? 0) + events;
    this.#ledger.note(reason, events);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.tell()); // an overflow loses many, one by one
  }

  /** At once, where there is a daemon; else with the next. */
  tell(): void {
    this.#scheduled = false;
    const counts = this.#ledger.take();
    if (counts === undefined) return;
    void this.questions.ask({ op: "lost", counts }).then((answer) => {
      if (answer === undefined) this.#ledger.putBack(counts);
    });
  }
}
