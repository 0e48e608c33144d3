import { describe, expect, test } from "vitest";
import { step } from "../src/main/machine.js";
import {
  BACKOFF_MS_MAX,
  CRASHES_MAX,
  END_INPUT_MS,
  GRACE_MARGIN_MS,
  LATE_MS,
  PING_DEADLINE_MS,
  PING_EVERY_MS,
  READY_DEADLINE_MS,
  RESUME_DEADLINE_MS,
  STABLE_MS,
  TERMINATE_MS,
} from "../src/main/policy.js";
import type { Command, Fact, State } from "../src/main/state.js";
import { firstState } from "../src/main/state.js";

const GRACE_MS = 1_000;

/** Plays facts at given times and keeps the orders of the last. */
class Play {
  state: State = firstState(GRACE_MS);
  now = 0;
  orders: readonly Command[] = [];

  tell(fact: Fact, afterMs = 0): this {
    this.now += afterMs;
    [this.state, this.orders] = step(this.state, fact, this.now, 0.5);
    return this;
  }

  ask(kind: "startAsked" | "stopAsked" | "restartAsked" | "updateAsked"): this {
    return this.tell({ kind });
  }

  ready(adopted = false): this {
    return this.tell({ kind: "readyCame", generation: this.state.generation, adopted });
  }

  exit(code: number | null, afterMs = 0): this {
    return this.tell({ kind: "exited", generation: this.state.generation, code }, afterMs);
  }

  heard(): this {
    return this.tell({ kind: "heard", generation: this.state.generation });
  }

  due(lateMs = 0): this {
    this.now = (this.state.deadline ?? this.now) + lateMs;
    return this.tell({ kind: "timeCame" });
  }

  get did(): string[] {
    return this.orders.map((order) => order.do);
  }
}

const running = (): Play => new Play().ask("startAsked").ready();

describe("starting", () => {
  test("a start spawns a child and waits for its ready line", () => {
    const play = new Play().ask("startAsked");
    expect(play.state.phase).toBe("starting");
    expect(play.did).toEqual(["spawn"]);
    expect(play.state.deadline).toBe(READY_DEADLINE_MS);
  });

  test("the ready line makes it ready, and it is greeted", () => {
    const play = running();
    expect(play.state.phase).toBe("ready");
    expect(play.did).toEqual(["greet"]);
  });

  test("a child that never says that it is ready is ended and tried again", () => {
    const play = new Play().ask("startAsked").due();
    expect(play.state.phase).toBe("crashed");
    expect(play.did).toEqual(["reportCrash", "terminate"]);
    expect(play.exit(null).state.phase).toBe("backoff");
    expect(play.due().did).toEqual(["spawn"]);
  });

  test("a machine that slept while it started gets its time again", () => {
    const play = new Play().ask("startAsked").due(LATE_MS + 1);
    expect(play.state.phase).toBe("starting");
    expect(play.did).toEqual([]);
  });

  test("a start asked twice starts one child", () => {
    expect(new Play().ask("startAsked").ask("startAsked").did).toEqual([]);
  });
});

describe("crashes", () => {
  test("a crash is reported and followed by a growing, bounded wait", () => {
    const waits: number[] = [];
    const play = new Play().ask("startAsked");
    for (let round = 0; round < CRASHES_MAX; round += 1) {
      play.exit(1);
      expect(play.did).toEqual(["reportCrash"]);
      waits.push((play.state.deadline ?? 0) - play.now);
      play.due();
    }
    expect(waits).toEqual([...waits].sort((a, b) => a - b));
    expect(waits[0]).toBe(375);
    expect(Math.max(...waits)).toBeLessThanOrEqual(BACKOFF_MS_MAX);
  });

  test("more than three crashes in five minutes and it is left alone", () => {
    const play = new Play().ask("startAsked");
    for (let round = 0; round < CRASHES_MAX; round += 1) play.exit(1).due();
    play.exit(1);
    expect(play.state.phase).toBe("failed");
    expect(play.state.why).toContain("too often");
    expect(play.state.deadline).toBeNull();
  });

  test("a minute at work forgives what was before", () => {
    const play = new Play().ask("startAsked");
    for (let round = 0; round < 5 * CRASHES_MAX; round += 1) {
      play.ready().exit(1, STABLE_MS);
      expect(play.state.phase).toBe("backoff");
      play.due();
    }
    expect(play.state.attempt).toBe(1);
  });

  test.each([2, 3])("exit code %i is not tried again until asked", (code) => {
    const play = new Play().ask("startAsked").exit(code);
    expect(play.state.phase).toBe("failed");
    expect(play.state.deadline).toBeNull();
    expect(play.ask("restartAsked").did).toEqual(["spawn"]);
  });

  test("late news of an older child change nothing", () => {
    const play = running();
    const { generation } = play.state;
    play.exit(1).due();
    const before = play.state;
    play.tell({ kind: "exited", generation, code: 1 });
    play.tell({ kind: "readyCame", generation, adopted: false });
    expect(play.state).toBe(before);
  });
});

describe("signs of life", () => {
  test("a silent daemon is asked, and ended where it does not answer", () => {
    const play = running().due();
    expect(play.did).toEqual(["ping"]);
    expect(play.state.deadline).toBe(PING_EVERY_MS + PING_DEADLINE_MS);
    expect(play.due().did).toEqual(["reportCrash", "terminate"]);
    expect(play.due().did).toEqual(["kill"]);
    expect(play.exit(null).state.phase).toBe("backoff");
  });

  test("any frame is an answer", () => {
    const play = running().due().heard();
    expect(play.state.asked).toBe(false);
    expect(play.due().did).toEqual(["ping"]);
  });

  test("after a sleep it is asked at once, with less patience", () => {
    const play = running().tell({ kind: "resumed" }, 3_600_000);
    expect(play.did).toEqual(["ping"]);
    expect(play.state.deadline).toBe(play.now + RESUME_DEADLINE_MS);
  });

  test("a deadline that passed while the machine slept is no proof: it is asked again", () => {
    const play = running()
      .due()
      .due(LATE_MS + 1);
    expect(play.state.phase).toBe("ready");
    expect(play.did).toEqual(["ping"]);
  });
});

describe("stopping", () => {
  test("goes from the polite to the certain", () => {
    const play = running().ask("stopAsked");
    expect(play.did).toEqual(["shutdown"]);
    expect(play.state.deadline).toBe(GRACE_MS + GRACE_MARGIN_MS);
    expect(play.due().did).toEqual(["endInput"]);
    expect((play.state.deadline ?? 0) - play.now).toBe(END_INPUT_MS);
    expect(play.due().did).toEqual(["terminate"]);
    expect((play.state.deadline ?? 0) - play.now).toBe(TERMINATE_MS);
    expect(play.due().did).toEqual(["kill"]);
    expect(play.due().did).toEqual(["kill"]);
    expect(play.exit(null).state.phase).toBe("stopped");
    expect(play.state.deadline).toBeNull();
  });

  test("a restart starts the next child when the first is gone", () => {
    const play = running().ask("restartAsked");
    expect(play.did).toEqual(["shutdown"]);
    expect(play.exit(0).did).toEqual(["spawn"]);
    expect(play.state.phase).toBe("starting");
  });

  test("for an update it ends and stays away", () => {
    const play = running().ask("updateAsked");
    expect(play.state.phase).toBe("updating");
    play.exit(0);
    expect(play.state.phase).toBe("updating");
    expect(play.state.deadline).toBeNull();
    expect(play.ask("startAsked").did).toEqual(["spawn"]);
  });

  test("a start asked while it stops comes after the stop", () => {
    const play = running().ask("stopAsked").ask("startAsked");
    expect(play.did).toEqual([]);
    expect(play.exit(0).did).toEqual(["spawn"]);
  });
});

describe("quitting", () => {
  const quit = (pending: boolean): Fact => ({ kind: "quitAsked", pending });

  test("hands over and waits for nobody", () => {
    const play = running().tell(quit(true));
    expect(play.did).toEqual(["handOver"]);
    expect(play.state.deadline).toBeNull();
  });

  test("hands over to a child that is still starting", () => {
    expect(new Play().ask("startAsked").tell(quit(true)).did).toEqual(["handOver"]);
  });

  test("starts one more where events wait and none runs", () => {
    const play = running().exit(1);
    expect(play.tell(quit(true)).did).toEqual(["spawn", "handOver"]);
  });

  test("starts none where nothing waits", () => {
    const play = running().exit(1).tell(quit(false));
    expect(play.did).toEqual([]);
    expect(play.state.phase).toBe("stopped");
  });

  test("hands over to another instance's daemon that answers in time", () => {
    const play = new Play().ask("startAsked").tell(quit(true)).ready(true);
    expect(play.did).toEqual(["greet"]);
  });
});

describe("another instance's daemon", () => {
  test("is used, and the end of the child that named it is no crash", () => {
    const play = new Play().ask("startAsked").ready(true).exit(0);
    expect(play.state.phase).toBe("ready");
    expect(play.did).toEqual([]);
  });

  test("is left, never ended", () => {
    const play = new Play().ask("startAsked").ready(true).exit(0).ask("stopAsked");
    expect(play.did).toEqual(["leave"]);
    expect(play.state.phase).toBe("stopped");
  });

  test("is replaced by our own when it goes, and that counts as no crash", () => {
    const play = new Play().ask("startAsked");
    for (let round = 0; round < 3 * CRASHES_MAX; round += 1) {
      play.ready(true).exit(0);
      play.tell({ kind: "linkLost", generation: play.state.generation });
      expect(play.did).toEqual(["leave"]);
      expect(play.state.phase).toBe("backoff");
      expect(play.due().did).toEqual(["spawn"]);
    }
  });
});
