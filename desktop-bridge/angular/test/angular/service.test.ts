import { ErrorHandler, Injectable, PLATFORM_ID } from '@angular/core';
import { TestBed } from '@angular/core/testing';
import { Sidespool, SidespoolErrorHandler, provideSidespool } from '@sidespool/angular';
import { SidespoolTesting, provideSidespoolTesting } from '@sidespool/angular/testing';
import { afterEach, expect, test } from 'vitest';

afterEach(() => {
  delete (globalThis as { sidespool?: unknown }).sidespool;
});

function live(): { sidespool: Sidespool; testing: SidespoolTesting } {
  TestBed.configureTestingModule({ providers: [provideSidespoolTesting()] });
  return { sidespool: TestBed.inject(Sidespool), testing: TestBed.inject(SidespoolTesting) };
}

test('outside the desktop app everything is a no-op', async () => {
  TestBed.configureTestingModule({ providers: [provideSidespool()] });
  const sidespool = TestBed.inject(Sidespool);
  sidespool.emit('ChatTurn', { prompt_length: 1 });
  sidespool.captureException(new Error('nobody hears'));
  expect(sidespool.status()).toBe('absent');
  expect(sidespool.level()).toBeUndefined();
  expect(sidespool.pending()).toBe(0);
  expect(await sidespool.setEnabled(true)).toBe(false);
  expect(await sidespool.flush()).toBeUndefined();
  expect(await sidespool.read('/v1/pending')).toBeUndefined();
});

test('on a server the bridge is not even looked for', () => {
  let looked = false;
  Object.defineProperty(globalThis, 'sidespool', {
    configurable: true,
    get: () => {
      looked = true;
      return undefined;
    },
  });
  TestBed.configureTestingModule({
    providers: [provideSidespool(), { provide: PLATFORM_ID, useValue: 'server' }],
  });
  TestBed.inject(Sidespool).emit('ChatTurn');
  expect(looked).toBe(false);
});

test('something else at the bridge\'s name is not taken for it', () => {
  (globalThis as { sidespool?: unknown }).sidespool = { version: 2 };
  TestBed.configureTestingModule({ providers: [provideSidespool()] });
  expect(TestBed.inject(Sidespool).present).toBe(false);
});

test('emit, trackEvent and capture are one', () => {
  const { sidespool, testing } = live();
  sidespool.emit('ToolCall', { tool_name: 'a' });
  sidespool.trackEvent('ToolCall', { tool_name: 'b' });
  sidespool.capture('ToolCall', { tool_name: 'c' });
  expect(testing.payloads('ToolCall').map((call) => call.tool_name)).toEqual(['a', 'b', 'c']);
});

test('signals follow what the daemon tells', () => {
  const { sidespool, testing } = live();
  expect(sidespool.status()).toBe('socket');
  expect(sidespool.level()).toBe('usage');
  testing.tell({ level: 'error' });
  expect(sidespool.level()).toBe('error');
});

test('switching on is also the consent, switching off is told at once', async () => {
  const { sidespool, testing } = live();
  testing.tell({ policy_version: '7' });
  expect(await sidespool.setEnabled(false)).toBe(true);
  expect(await sidespool.setEnabled(true)).toBe(true);
  expect(testing.asked).toEqual([
    { op: 'set', settings: { enabled: false } },
    { op: 'set', settings: { enabled: true } },
    { op: 'consent', decision: 'granted', policy_version: '7' },
  ]);
});

test('whatever is thrown becomes an Error event, the same object once', () => {
  const { sidespool, testing } = live();
  const error = new TypeError('no such thing');
  sidespool.captureException(error, { step: 'open' });
  sidespool.captureException({ rejection: error });
  sidespool.captureException('a text');
  sidespool.captureException(undefined);
  sidespool.captureException({
    get name(): string {
      throw new Error('trap');
    },
  });
  const [first, ...rest] = testing.payloads('Error');
  expect(first).toMatchObject({
    error_type: 'TypeError',
    message: 'no such thing',
    context: { step: 'open' },
  });
  expect(first?.stack_trace).toContain('TypeError');
  expect(rest.map((error_) => error_.error_type)).toEqual(['string', 'undefined', 'Unreadable']);
});

test('long texts are cut before they travel', () => {
  const { sidespool, testing } = live();
  sidespool.captureException(new Error('x'.repeat(100_000)));
  expect(testing.payloads('Error')[0]?.message).toHaveLength(8_192);
});

class Kept extends ErrorHandler {
  readonly told: unknown[] = [];
  override handleError(thrown: unknown): void {
    this.told.push(thrown);
  }
}
Injectable()(Kept);

test('the error handler reports, and the one before it is told too', () => {
  TestBed.configureTestingModule({
    providers: [provideSidespoolTesting({ errors: true, previousErrorHandler: Kept })],
  });
  const error = new RangeError('far');
  const handler = TestBed.inject(ErrorHandler);
  expect(handler).toBeInstanceOf(SidespoolErrorHandler);
  handler.handleError(error);
  expect(TestBed.inject(Kept).told).toEqual([error]);
  expect(TestBed.inject(SidespoolTesting).payloads('Error')[0]?.error_type).toBe('RangeError');
});

test('errors are left alone where that is switched off', () => {
  TestBed.configureTestingModule({ providers: [provideSidespool({ errors: false })] });
  expect(TestBed.inject(ErrorHandler)).not.toBeInstanceOf(SidespoolErrorHandler);
});
