/** The machine against any order of facts: what must hold at every step. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { step } from "../src/main/machine.js";
import { CRASHES_MAX, CRASH_WINDOW_MS } from "../src/main/policy.js";
import type { Command, Fact, State } from "../src/main/state.js";
import { firstState } from "../src/main/state.js";

/** A world of processes: it only lets happen what can happen. */
class Worldly {
  state: State = firstState(1_000);
  now = 0;
  alive = new Set<number>();
  generation = 0;
  crashes: number[] = [];
  asked = false;
  left = false;

  tell(fact: Fact, dice: number): void {
    const before = this.state;
    const [state, commands] = step(before, fact, this.now, dice);
    this.state = state;
    for (const command of commands) this.obey(command, before);
    this.check();
  }

  obey(command: Command, before: State): void {
    if (command.do === "spawn") {
      expect(this.alive.size, "one child at a time").toBe(0);
      expect(command.generation).toBe(this.generation + 1);
      this.generation = command.generation;
      this.alive.add(command.generation);
    }
    if (command.do === "terminate" || command.do === "kill" || command.do === "endInput") {
      expect(before.adopted, "another's daemon is never ended").toBe(false);
    }
    if (command.do === "leave") expect(before.adopted).toBe(true);
  }

  check(): void {
    const { phase, deadline, child, quitting } = this.state;
    expect(this.state.generation).toBe(this.generation);
    expect(child, "it knows whether a child lives").toBe(this.alive.size > 0);
    if (["starting", "ready", "crashed", "backoff"].includes(phase)) {
      expect(deadline, `${phase} ends by itself`).not.toBeNull();
    }
    if ((phase === "stopping" || phase === "updating") && child && !quitting) {
      expect(deadline, `${phase} presses on`).not.toBeNull();
    }
    if (["stopped", "failed"].includes(phase)) expect(deadline).toBeNull();
    expect(this.state.crashes.length).toBeLessThanOrEqual(CRASHES_MAX + 1);
  }
}

type Act = { readonly run: (world: Worldly, dice: number) => void; readonly name: string };

const act = (name: string, run: Act["run"]): Act => ({ name, run });
const asks = (["startAsked", "stopAsked", "restartAsked", "updateAsked", "resumed"] as const).map(
  (kind) => act(kind, (world, dice) => world.tell({ kind }, dice)),
);

const ACTS: readonly Act[] = [
  ...asks,
  act("quit", (world, dice) => world.tell({ kind: "quitAsked", pending: dice < 0.5 }, dice)),
  act("time", (world, dice) => {
    world.now = Math.max(world.now, world.state.deadline ?? world.now) + dice * 3_000;
    world.tell({ kind: "timeCame" }, dice);
  }),
  act("a while", (world, dice) => {
    world.now += dice * 40_000;
    world.tell({ kind: "timeCame" }, dice);
  }),
  act("ready", (world, dice) => {
    if (world.state.phase !== "starting" && !world.state.quitting) return;
    const adopted = dice < 0.3;
    if (world.alive.has(world.generation)) {
      world.tell({ kind: "readyCame", generation: world.generation, adopted }, dice);
    }
  }),
  act("heard", (world, dice) => {
    world.tell({ kind: "heard", generation: world.generation }, dice);
  }),
  act("link lost", (world, dice) => {
    if (world.state.adopted) world.tell({ kind: "linkLost", generation: world.generation }, dice);
  }),
  act("exit", (world, dice) => {
    if (!world.alive.delete(world.generation)) return;
    const codes = [0, 1, 1, 1, 2, 3, 4, null];
    const code = codes[Math.floor(dice * codes.length)] ?? null;
    world.tell({ kind: "exited", generation: world.generation, code }, dice);
  }),
  act("old news", (world, dice) => {
    const before = world.state;
    const generation = world.generation - 1;
    world.tell({ kind: "exited", generation, code: 2 }, dice);
    world.tell({ kind: "readyCame", generation, adopted: true }, dice);
    expect(world.state).toBe(before);
  }),
];

const plays = fc.array(
  fc.record({
    act: fc.constantFrom(...ACTS),
    dice: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  }),
  { maxLength: 60 },
);

test("in whatever order things happen, one child lives at most and nothing waits for ever", () => {
  fc.assert(
    fc.property(plays, (steps) => {
      const world = new Worldly();
      for (const { act: next, dice } of steps) next.run(world, dice);
    }),
    { numRuns: 2_000 },
  );
});

test("a daemon that always crashes is started at most four times in five minutes", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(5_000), { maxLength: 50 }), fc.boolean(), (lives, getsReady) => {
      const world = new Worldly();
      const starts: number[] = [];
      world.tell({ kind: "startAsked" }, 0.5);
      for (const life of lives) {
        if (world.alive.size === 0) break;
        starts.push(world.now);
        const { generation } = world;
        if (getsReady) world.tell({ kind: "readyCame", generation, adopted: false }, 0);
        world.now += life;
        world.alive.clear();
        world.tell({ kind: "exited", generation, code: 1 }, 0.5);
        world.now = world.state.deadline ?? world.now;
        world.tell({ kind: "timeCame" }, 0.5);
      }
      for (const start of starts) {
        const within = starts.filter((one) => one >= start && one < start + CRASH_WINDOW_MS);
        expect(within.length).toBeLessThanOrEqual(CRASHES_MAX + 1);
      }
    }),
  );
});

test("a stop always ends the child in the end, however it resists", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 8 }), (patience) => {
      const world = new Worldly();
      world.tell({ kind: "startAsked" }, 0);
      world.tell({ kind: "readyCame", generation: 1, adopted: false }, 0);
      world.tell({ kind: "stopAsked" }, 0);
      const orders: string[] = [];
      for (let round = 0; round < 4 + patience; round += 1) {
        world.now = world.state.deadline ?? world.now;
        const [state, commands] = step(world.state, { kind: "timeCame" }, world.now, 0);
        world.state = state;
        orders.push(...commands.map((command) => command.do));
      }
      expect(orders.slice(0, 3)).toEqual(["endInput", "terminate", "kill"]);
      expect(new Set(orders.slice(3))).toEqual(new Set(["kill"]));
    }),
  );
});
