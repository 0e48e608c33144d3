import 'zone.js';

import { NgZone, provideZoneChangeDetection } from '@angular/core';
import { TestBed } from '@angular/core/testing';
import { Sidespool, provideSidespool } from '@sidespool/angular';
import type { Bridge } from '@sidespool/angular';
import { afterEach, expect, test, vi } from 'vitest';

interface Frame {
  readonly op: string;
  readonly id?: number;
  readonly events?: readonly unknown[];
}

/** A bridge without a socket: its port answers as a daemon would, and notes the zone of each frame. */
function bridge(taken: Frame[]): Bridge {
  return {
    version: 1,
    door: () => Promise.resolve({ url: 'http://127.0.0.1:1', token: 't' }),
    onState: () => () => undefined,
    openPort: () => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = ({ data }: MessageEvent<Frame>) => {
        taken.push(data);
        const settings = { enabled: true, full_content: false, level: 'usage' };
        if (data.op === 'hello') port1.postMessage({ op: 'welcome', session_id: 's', settings });
        else port1.postMessage({ op: 'ack', id: data.id, accepted: data.events?.length, rejected: [] });
      };
      const event = new MessageEvent('message', { data: 'sidespool:port' });
      Object.defineProperties(event, { ports: { value: [port2] }, source: { value: window } });
      setTimeout(() => dispatchEvent(event));
    },
  };
}

afterEach(() => {
  vi.unstubAllGlobals();
  delete (globalThis as { sidespool?: unknown }).sidespool;
});

test('connecting, sending and acknowledging never wake the application', async () => {
  const taken: Frame[] = [];
  class NoSocket {
    constructor() {
      throw new Error('forbidden by policy');
    }
  }
  vi.stubGlobal('WebSocket', NoSocket);
  (globalThis as { sidespool?: unknown }).sidespool = bridge(taken);
  TestBed.configureTestingModule({ providers: [provideZoneChangeDetection(), provideSidespool()] });
  const zone = TestBed.inject(NgZone);
  const turns = vi.fn();
  const sidespool = zone.run(() => TestBed.inject(Sidespool));
  await vi.waitFor(() => expect(sidespool.status()).toBe('port'));
  zone.onUnstable.subscribe(turns);
  zone.run(() => sidespool.emit('ChatTurn', { prompt_length: 1 }));
  await vi.waitFor(() => expect(sidespool.counts.acknowledged).toBe(1));
  expect(taken.map((frame) => frame.op)).toEqual(['hello', 'emit']);
  expect(turns).toHaveBeenCalledTimes(1); // the caller's own turn
});
