/** Questions to the daemon that wait for their answer, each with a deadline. */

import type { ClientFrame, DaemonFrame } from '@sidespool/protocol';

import { ANSWER_MS, FLUSH_MS } from './policy';

export type Question = Extract<ClientFrame, { op: 'set' | 'consent' | 'report' | 'lost' | 'status' | 'flush' | 'reset' }>;

interface Asked {
  readonly answer: (frame: DaemonFrame | undefined) => void;
  readonly cancel: () => void;
}

export class Questions {
  private readonly asked = new Map<number, Asked>();

  constructor(private readonly later: (run: () => void, delayMs: number) => () => void) {}

  /** The answer, or undefined when none came: the line broke, or the time was up. */
  ask(id: number, op: Question['op']): Promise<DaemonFrame | undefined> {
    return new Promise((resolve) => {
      const deadlineMs = op === 'flush' || op === 'reset' ? FLUSH_MS : ANSWER_MS;
      const cancel = this.later(() => this.settle(id, undefined), deadlineMs);
      this.asked.set(id, { answer: resolve, cancel });
    });
  }

  /** Whether the frame was the answer to a question. */
  onFrame(frame: DaemonFrame): boolean {
    return typeof frame.id === 'number' && this.settle(frame.id, frame);
  }

  /** The line is gone: no answer will come. Nothing is asked twice, for not all may be repeated. */
  onLost(): void {
    for (const id of [...this.asked.keys()]) this.settle(id, undefined);
  }

  private settle(id: number, frame: DaemonFrame | undefined): boolean {
    const asked = this.asked.get(id);
    if (asked === undefined) return false;
    this.asked.delete(id);
    asked.cancel();
    asked.answer(frame);
    return true;
  }
}
