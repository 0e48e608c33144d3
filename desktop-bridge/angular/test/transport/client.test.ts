import type { ClientFrame, DaemonFrame } from '@sidespool/protocol';
import type { FakeDaemon } from '@sidespool/protocol/testing';
import { createFakeDaemon } from '@sidespool/protocol/testing';
import { beforeEach, expect, test, vi } from 'vitest';

import type { Bridge, BridgeState, Door } from '../../src/lib/transport/bridge';
import type { Snapshot } from '../../src/lib/transport/client';
import { Client } from '../../src/lib/transport/client';
import type { Line, LineEvents, Roads } from '../../src/lib/transport/line';

/** A page, its bridge and its daemon; time and frames pass when the test says so. */
class World {
  now = 0;
  timers: { at: number; run: () => void }[] = [];
  frames: (() => void)[] = [];
  daemon: FakeDaemon = createFakeDaemon();
  sent: ClientFrame[] = [];
  lines: LineEvents[] = [];
  roads: string[] = [];
  door: Door | null = { url: 'http://127.0.0.1:1', token: 't1', session_id: 's1' };
  socketWorks = true;
  answers = true;
  tellState: (state: BridgeState) => void = () => undefined;
  snapshot: Snapshot | undefined;

  readonly bridge: Bridge = {
    version: 1,
    door: () => Promise.resolve(this.door),
    openPort: () => undefined,
    onState: (listener) => {
      this.tellState = listener;
      return () => undefined;
    },
  };

  readonly client = new Client(
    this.bridge,
    {
      now: () => Date.UTC(2026, 0, 1) + this.now,
      random: (bytes) => void crypto.getRandomValues(bytes),
      tick: () => this.now,
      dice: () => 0.5,
      later: (run, delayMs) => {
        const timer = { at: this.now + delayMs, run };
        this.timers.push(timer);
        return () => void (this.timers = this.timers.filter((one) => one !== timer));
      },
      frame: (run) => {
        this.frames.push(run);
        return () => undefined;
      },
    },
    (snapshot) => void (this.snapshot = snapshot),
    {},
    { socket: (_door, events) => this.open('socket', events), port: (_bridge, events) => this.open('port', events) } satisfies Roads,
  );

  /** Lets promises settle, then the next animation frame come. */
  async frame(): Promise<void> {
    for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
    const due = this.frames;
    this.frames = [];
    for (const run of due) run();
    for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
  }

  async pass(ms: number): Promise<void> {
    this.now += ms;
    for (;;) {
      const due = this.timers.find((timer) => timer.at <= this.now);
      if (due === undefined) break;
      this.timers = this.timers.filter((one) => one !== due);
      due.run();
    }
    await this.frame();
  }

  private open(road: string, events: LineEvents): Line {
    this.roads.push(road);
    this.lines.push(events);
    queueMicrotask(() => (road === 'port' || this.socketWorks ? events.opened() : events.gone()));
    const send = (text: string): void => {
      const frame = JSON.parse(text) as ClientFrame;
      this.sent.push(frame);
      const replies: DaemonFrame[] = this.answers ? this.daemon.answer(frame) : [];
      for (const reply of replies) queueMicrotask(() => events.frameCame(reply));
    };
    return { send, close: () => undefined };
  }
}

let world: World;

beforeEach(() => {
  world = new World();
});

async function connected(): Promise<World> {
  world.client.start();
  await world.frame();
  return world;
}

test('events of one animation frame travel in one frame', async () => {
  const { client, sent } = await connected();
  client.emit('ToolCall', { tool_name: 'a' });
  client.emit('ToolCall', { tool_name: 'b' });
  expect(sent.filter((frame) => frame.op === 'emit')).toHaveLength(0);
  await world.frame();
  const emits = sent.filter((frame) => frame.op === 'emit');
  expect(emits.map((frame) => frame.events.length)).toEqual([2]);
  expect(world.snapshot?.pending).toBe(0);
  expect(client.counts.acknowledged).toBe(2);
});

test('the greeting carries the app\'s session', async () => {
  const { sent } = await connected();
  expect(sent[0]).toEqual({ op: 'hello', client: 'renderer', session_id: 's1' });
});

test('what is emitted before there is a daemon arrives in order, once, with its own time', async () => {
  world.door = null;
  world.client.start();
  world.client.emit('ToolCall', { tool_name: 'early' });
  await world.frame();
  world.now = 5_000;
  expect(world.snapshot).toMatchObject({ status: 'waiting', pending: 1 });
  world.door = { url: 'http://127.0.0.1:1', token: 't1' };
  world.tellState({ generation: 1, ready: true });
  await world.frame();
  expect(world.daemon.events).toMatchObject([
    { payload: { tool_name: 'early' }, timestamp: '2026-01-01T00:00:00.000Z' },
  ]);
});

test('an event changed after it was emitted is sent as it was', async () => {
  const { client, daemon } = await connected();
  const payload = { tool_name: 'before' };
  client.emit('ToolCall', payload);
  payload.tool_name = 'after';
  await world.frame();
  expect(daemon.events[0]?.payload).toEqual({ tool_name: 'before' });
});

test('a break before the acknowledgement doubles nothing', async () => {
  const { client } = await connected();
  client.emit('ToolCall', { tool_name: 'a' });
  world.answers = false;
  await world.frame();
  expect(client.counts.acknowledged).toBe(0);
  world.daemon.answer(world.sent.at(-1)!); // it was taken in, but the answer is lost
  world.answers = true;
  world.lines.at(-1)?.gone();
  expect(world.snapshot?.status).toBe('waiting');
  await world.pass(1_000);
  expect(world.daemon.events).toHaveLength(1);
  expect(client.counts).toMatchObject({ acknowledged: 1, resent: 1 });
});

test('a policy against sockets leads to the port, and the status says so', async () => {
  world.client.start();
  await Promise.resolve();
  await Promise.resolve();
  world.lines[0]?.forbidden();
  await world.frame();
  expect(world.roads).toEqual(['socket', 'port']);
  expect(world.snapshot?.status).toBe('port');
});

test('sockets that fail without a reason lead to the port too', async () => {
  world.socketWorks = false;
  await connected();
  await world.pass(1_000);
  await world.pass(1_000);
  expect(world.roads).toEqual(['socket', 'socket', 'port']);
  expect(world.snapshot?.status).toBe('port');
});

test('a new daemon is greeted anew, a change of settings alone opens no new line', async () => {
  await connected();
  world.tellState({ generation: 1, ready: true });
  await world.frame();
  expect(world.lines).toHaveLength(1);
  world.door = { url: 'http://127.0.0.1:2', token: 't2' };
  world.tellState({ generation: 2, ready: true });
  await world.frame();
  expect(world.lines).toHaveLength(2);
  expect(world.snapshot?.status).toBe('socket');
});

test('settings that the daemon pushes are told', async () => {
  await connected();
  world.lines[0]?.frameCame({ op: 'settings', enabled: false, full_content: false, level: 'off' });
  expect(world.snapshot?.settings?.level).toBe('off');
});

test('a question is answered, or given up when the line breaks or the time is over', async () => {
  const { client } = await connected();
  await expect(client.ask({ op: 'status' })).resolves.toMatchObject({ op: 'result' });
  world.answers = false;
  const broken = client.ask({ op: 'status' });
  world.lines.at(-1)?.gone();
  await expect(broken).resolves.toBeUndefined();
  await expect(client.ask({ op: 'status' })).resolves.toBeUndefined();
  await world.pass(1_000);
});

test('what cannot be written down is counted and never thrown', async () => {
  const { client } = await connected();
  const loop: Record<string, unknown> = {};
  loop['self'] = loop;
  client.emit('ToolCall', loop as never);
  client.emit('ToolCall', { tool_name: 1n as never });
  await world.frame();
  expect(client.counts.dropped.invalid).toBe(2);
});

test('half an emoji reaches the daemon as a sign that it is half', async () => {
  const { client, daemon } = await connected();
  client.emit('ToolCall', { tool_name: 'cut \ud83d' });
  await world.frame();
  expect(daemon.events[0]?.payload).toEqual({ tool_name: 'cut \ufffd' });
});

test('a page that goes sends what it has, and counts what was not acknowledged', async () => {
  const { client } = await connected();
  client.emit('ToolCall', { tool_name: 'last' });
  expect(client.unload()).toBe(1);
  expect(world.daemon.events).toHaveLength(1);
  expect(client.counts.dropped.unload).toBe(1);
  expect(world.snapshot?.status).toBe('closed');
});

test('where the main process takes it, a page that is left loses nothing', async () => {
  const { client, sent, bridge } = await connected();
  world.answers = false;
  const handOver = vi.fn<(events: readonly string[]) => void>();
  Object.assign(bridge, { handOver });
  client.emit('ToolCall', { tool_name: 'on its way' });
  await world.frame();
  client.emit('ToolCall', { tool_name: 'last' });
  expect(client.unload()).toBe(0);
  const [texts = []] = handOver.mock.calls[0] ?? [];
  const events = texts.map((text) => JSON.parse(text) as { event_id: string; payload: object });
  expect(events.map(({ payload }) => payload)).toEqual([{ tool_name: 'on its way' }, { tool_name: 'last' }]);
  const [first] = sent.flatMap((frame) => (frame.op === 'emit' ? frame.events : []));
  expect(events[0]?.event_id).toBe(first?.event_id);
  expect(client.counts).toMatchObject({ emitted: 2, handedOver: 2, dropped: {} });
  client.unload();
  expect(handOver).toHaveBeenCalledTimes(1);
});

test('the main process is told how much is not acknowledged, once for each change', async () => {
  const pending = vi.fn<(count: number) => void>();
  Object.assign(world.bridge, { pending });
  const { client } = await connected();
  client.emit('ToolCall', { tool_name: 'a' });
  client.emit('ToolCall', { tool_name: 'b' });
  await world.frame();
  expect(pending.mock.calls).toEqual([[2], [0]]);
});

test('what had to be given up here is told to the daemon once', async () => {
  const { client, sent } = world;
  const loop: Record<string, unknown> = {};
  loop['self'] = loop;
  client.emit('ToolCall', loop as never);
  await connected();
  client.emit('ToolCall', {});
  await world.frame();
  const told = sent.filter((frame) => frame.op === 'lost').map((frame) => frame.counts);
  expect(told).toEqual([{ client_unreadable: 1 }]);
});

test('a page that comes back goes on', async () => {
  const { client } = await connected();
  client.unload();
  client.start();
  await world.frame();
  expect(world.snapshot?.status).toBe('socket');
});

test('no listener, no door, no answer: nothing is thrown', async () => {
  vi.spyOn(world.bridge, 'door').mockRejectedValue(new Error('no handler'));
  world.client.start();
  await world.frame();
  expect(world.snapshot?.status).toBe('waiting');
});
