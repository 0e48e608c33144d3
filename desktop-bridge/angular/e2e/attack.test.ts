/** A page of another origin in a current Chromium, which even knows the token: it reaches no handler. */

import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { Daemon } from './daemon';
import { Site, launch } from './site';

let browser: Browser;
let site: Site;
let daemon: Daemon;

beforeAll(async () => {
  site = new Site({ '/': '<!doctype html><title>attack</title><body></body>' }, '');
  await site.start();
  browser = await launch();
});

beforeEach(async () => {
  daemon = new Daemon({ TELEMETRY_ORIGINS: 'app://' });
  await daemon.start();
});

afterEach(() => daemon.remove());

afterAll(async () => {
  await browser.close();
  site.stop();
});

interface Outcome {
  readonly read: readonly string[];
  readonly opened: boolean;
}

test.each(['127.0.0.1', 'localhost'])('from http://%s nothing is read, changed or taken in', async (host) => {
  const before = await daemon.json('GET', '/v1/status');
  const page = await browser.newPage();
  await page.goto(site.origin.replace('127.0.0.1', host));
  const { url, token } = daemon.ready!;
  const outcome = (await page.evaluate(attack, { url, token })) as Outcome;
  expect(outcome).toEqual({ read: [], opened: false });
  const frames = page.frames().filter((frame) => frame.url().startsWith(url));
  const shown = await Promise.all(frames.map((frame) => frame.locator('body').innerText()));
  expect(shown.join(' ')).not.toMatch(/sidespool|event_type/i);
  await page.close();
  const after = await daemon.json('GET', '/v1/status');
  expect(await daemon.events()).toEqual([]);
  for (const name of ['level', 'user_id', 'decided_by']) expect(after[name]).toEqual(before[name]);
  expect(after['tally']).toEqual(before['tally']);
  const refused = Object.values(after['refused'] as Record<string, number>);
  expect(refused.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(5);
});

/** Runs in the attacker's page: everything a browser lets it try. */
async function attack({ url, token }: { url: string; token: string }): Promise<object> {
  const event = JSON.stringify({ event_type: 'ToolCall', payload: {} });
  const said = JSON.stringify({ decision: 'denied', policy_version: '' });
  const known = { Authorization: `Bearer ${token}` };
  const json = { ...known, 'Content-Type': 'application/json' };
  const read: string[] = [];
  const attempt = async (path: string, init: RequestInit = {}): Promise<void> => {
    const answer = await fetch(url + path, init).catch(() => undefined);
    if (answer?.ok === true && (await answer.text()) !== '') read.push(path);
  };
  const simple: RequestInit = { method: 'POST', mode: 'no-cors' };
  await Promise.all([
    ...['/v1/status', '/v1/pending', '/v1/history', '/viewer/'].map((path) => attempt(path, { headers: known })),
    ...['/v1/status', '/v1/pending'].map((path) => attempt(path, { mode: 'no-cors' })),
    attempt('/v1/events', { method: 'POST', body: event, headers: json }),
    attempt('/v1/reset', { method: 'POST', headers: json }),
    attempt('/v1/settings', { method: 'PATCH', body: '{"enabled":false}', headers: json }),
    attempt('/v1/events', { ...simple, body: event }),
    attempt('/v1/reset', simple),
    attempt('/v1/consent', { ...simple, body: said }),
  ]);
  navigator.sendBeacon(`${url}/v1/events`, event);
  const opened = await new Promise<boolean>((done) => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/socket`, ['sidespool.v1', `token.${token}`]);
    socket.onopen = () => done(true);
    socket.onerror = () => done(false);
  });
  const loads = [
    ...['/v1/reset', '/v1/events', '/v1/consent'].map(formTo),
    ...['/viewer/', '/v1/pending'].map(frameOf),
    scriptOf('/v1/status'),
  ];
  await Promise.all(loads);
  return { read, opened };

  function formTo(path: string): Promise<void> {
    const form = document.createElement('form');
    Object.assign(form, { method: 'post', enctype: 'text/plain', action: url + path });
    const frame = document.createElement('iframe');
    frame.name = form.target = path;
    const field = document.createElement('input');
    field.name = event.slice(0, -1) + ',"x":"';
    field.value = '"}';
    form.append(field);
    document.body.append(frame, form);
    const loaded = new Promise<void>((done) => (frame.onload = () => done()));
    form.submit();
    return loaded;
  }

  function frameOf(path: string): Promise<void> {
    const frame = document.createElement('iframe');
    frame.src = url + path;
    document.body.append(frame);
    return new Promise((done) => (frame.onload = () => done()));
  }

  function scriptOf(path: string): Promise<void> {
    const script = document.createElement('script');
    script.src = url + path;
    document.body.append(script);
    return new Promise((done) => (script.onload = script.onerror = () => done()));
  }
}
