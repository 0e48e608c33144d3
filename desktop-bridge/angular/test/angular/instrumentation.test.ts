import { HttpClient, provideHttpClient, withInterceptors } from '@angular/common/http';
import { HttpTestingController, provideHttpClientTesting } from '@angular/common/http/testing';
import { Component } from '@angular/core';
import { TestBed } from '@angular/core/testing';
import { Router, provideRouter } from '@angular/router';
import type { SidespoolOptions } from '@sidespool/angular';
import { sidespoolHttp, sidespoolRoute } from '@sidespool/angular';
import { SidespoolTesting, provideSidespoolTesting } from '@sidespool/angular/testing';
import { expect, test } from 'vitest';

const Page = Component({ template: '' })(class {});

const ROUTES = [
  { path: '', component: Page },
  { path: 'users', children: [{ path: ':id', children: [{ path: 'edit', component: Page }] }] },
  { path: 'old', redirectTo: 'users/1/edit' },
  { path: 'closed', component: Page, canActivate: [() => false] },
  { path: 'broken', loadComponent: () => Promise.reject(new TypeError('chunk')) },
];

function routed(options: SidespoolOptions = { router: true }): [Router, SidespoolTesting] {
  TestBed.configureTestingModule({
    providers: [provideRouter(ROUTES), provideSidespoolTesting(options)],
  });
  return [TestBed.inject(Router), TestBed.inject(SidespoolTesting)];
}

test('a navigation is named by the routes as written, never by the address', async () => {
  const [router, testing] = routed();
  await router.navigateByUrl('/users/grace.hopper/edit?token=secret#part');
  expect(testing.payloads('ToolCall')).toMatchObject([
    { tool_name: 'route /users/:id/edit', success: true },
  ]);
  expect(JSON.stringify(testing.events)).not.toMatch(/grace|secret/);
});

test('a redirect counts once, a guard that says no not at all', async () => {
  const [router, testing] = routed();
  await router.navigateByUrl('/old');
  await router.navigateByUrl('/closed');
  expect(testing.payloads('ToolCall').map((call) => call.tool_name)).toEqual([
    'route /users/:id/edit',
  ]);
});

test('a navigation that fails says why by the class of the error', async () => {
  const [router, testing] = routed();
  await router.navigateByUrl('/broken').catch(() => undefined);
  await router.navigateByUrl('/nowhere/at/all').catch(() => undefined);
  expect(testing.payloads('ToolCall')).toMatchObject([
    { tool_name: 'route /broken', success: false, error_type: 'TypeError' },
    { tool_name: 'route (unmatched)', success: false },
  ]);
});

test('the router is not watched where that is switched off, nor where there is none', async () => {
  const [router, testing] = routed({ router: false });
  await router.navigateByUrl('/users/1/edit');
  expect(testing.events).toEqual([]);
  TestBed.resetTestingModule();
  TestBed.configureTestingModule({ providers: [provideSidespoolTesting({ router: true })] });
  expect(TestBed.inject(SidespoolTesting).events).toEqual([]);
});

interface Wired {
  readonly http: HttpClient;
  readonly backend: HttpTestingController;
  readonly testing: SidespoolTesting;
}

function wired(options: SidespoolOptions = {}): Wired {
  TestBed.configureTestingModule({
    providers: [
      provideHttpClient(withInterceptors([sidespoolHttp])),
      provideHttpClientTesting(),
      provideSidespoolTesting(options),
    ],
  });
  return {
    http: TestBed.inject(HttpClient),
    backend: TestBed.inject(HttpTestingController),
    testing: TestBed.inject(SidespoolTesting),
  };
}

const ITEMS = { http: { routes: ['/items/{id}', '/items'] } };

test('a request is named by its method and the app\'s own template', () => {
  const { http, backend, testing } = wired(ITEMS);
  http.get('https://api.example/items/4711?key=secret').subscribe();
  backend.expectOne(() => true).flush({});
  http.post('/items', {}).subscribe();
  backend.expectOne(() => true).flush({});
  expect(testing.payloads('ToolCall')).toMatchObject([
    { tool_name: 'http GET /items/{id}', success: true },
    { tool_name: 'http POST /items', success: true },
  ]);
  expect(JSON.stringify(testing.events)).not.toMatch(/4711|secret|example/);
});

test('a request that fits no template has no name', () => {
  const { http, backend, testing } = wired(ITEMS);
  http.get('/people/ada').subscribe();
  backend.expectOne(() => true).flush({});
  expect(testing.payloads('ToolCall')[0]?.tool_name).toBe('http GET (unmatched)');
});

test('a request can bring its name along', () => {
  const { http, backend, testing } = wired();
  http.get('/people/ada', { context: sidespoolRoute('/people/{name}') }).subscribe();
  backend.expectOne(() => true).flush({});
  expect(testing.payloads('ToolCall')[0]?.tool_name).toBe('http GET /people/{name}');
});

test('a failure is told as the class of its status', () => {
  const { http, backend, testing } = wired(ITEMS);
  const ignore = { error: () => undefined };
  http.get('/items/1').subscribe(ignore);
  backend.expectOne(() => true).flush('', { status: 503, statusText: 'away' });
  http.get('/items/1').subscribe(ignore);
  backend.expectOne(() => true).flush('', { status: 404, statusText: 'gone' });
  http.get('/items/1').subscribe(ignore);
  backend.expectOne(() => true).error(new ProgressEvent('error'));
  http.get('/items/1').subscribe(ignore).unsubscribe();
  expect(testing.payloads('ToolCall').map((call) => call.error_type)).toEqual([
    '5xx',
    '4xx',
    'network',
    'cancelled',
  ]);
});

test('requests are left alone where that is switched off', () => {
  const { http, backend, testing } = wired({ http: false });
  http.get('/items/1').subscribe();
  backend.expectOne(() => true).flush({});
  expect(testing.events).toEqual([]);
});
