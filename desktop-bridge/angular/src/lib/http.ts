/** Measures requests. Names are the app's own route templates; addresses are never sent. */

import type { HttpEvent, HttpHandlerFn, HttpInterceptorFn, HttpRequest } from '@angular/common/http';
import { HttpContext, HttpContextToken, HttpErrorResponse, HttpResponse } from '@angular/common/http';
import { inject } from '@angular/core';
import { Observable } from 'rxjs';

import { SIDESPOOL_OPTIONS } from './options';
import { Sidespool } from './sidespool';

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
const UNMATCHED = '(unmatched)';

const ROUTE = new HttpContextToken<string>(() => '');

/** Names one request's route where it is made: `http.get(url, { context: sidespoolRoute('/items/{id}') })`. */
export function sidespoolRoute(template: string, context = new HttpContext()): HttpContext {
  return context.set(ROUTE, template);
}

/** For `provideHttpClient(withInterceptors([sidespoolHttp]))`. */
export const sidespoolHttp: HttpInterceptorFn = (
  request: HttpRequest<unknown>,
  next: HttpHandlerFn,
): Observable<HttpEvent<unknown>> => {
  const { http = true } = inject(SIDESPOOL_OPTIONS);
  const sidespool = inject(Sidespool);
  if (http === false || !sidespool.present) return next(request);
  const routes = http === true ? [] : (http.routes ?? []);
  return measured(next(request), (error, durationMs) =>
    sidespool.emit('ToolCall', {
      tool_name: requestName(request, routes),
      duration_ms: Math.round(durationMs),
      success: error === undefined,
      ...(error === undefined ? {} : { error_type: error }),
    }),
  );
};

type Report = (error: string | undefined, durationMs: number) => void;

/** Reports once: the answer, the failure, or that nobody waited for it. */
function measured(
  answer: Observable<HttpEvent<unknown>>,
  report: Report,
): Observable<HttpEvent<unknown>> {
  return new Observable((subscriber) => {
    const startedAt = performance.now();
    let reported = false;
    const once = (error: string | undefined): void => {
      if (reported) return;
      reported = true;
      report(error, performance.now() - startedAt);
    };
    const subscription = answer.subscribe({
      next: (event) => {
        if (event instanceof HttpResponse) once(undefined);
        subscriber.next(event);
      },
      error: (problem: unknown) => {
        once(statusClass(problem));
        subscriber.error(problem);
      },
      complete: () => subscriber.complete(),
    });
    return () => {
      subscription.unsubscribe();
      once('cancelled');
    };
  });
}

/** `4xx`, `5xx`, or `network` where no answer came. */
function statusClass(problem: unknown): string {
  if (!(problem instanceof HttpErrorResponse)) return 'Error';
  return problem.status === 0 ? 'network' : `${Math.floor(problem.status / 100)}xx`;
}

function requestName(request: HttpRequest<unknown>, routes: readonly string[]): string {
  const method = METHODS.has(request.method) ? request.method : 'OTHER';
  const named = request.context.get(ROUTE);
  return `http ${method} ${named === '' ? matchRoute(request.url, routes) : named}`.slice(0, 128);
}

/** The first template that fits the path; `{name}` stands for one part. */
export function matchRoute(url: string, routes: readonly string[]): string {
  const path = pathOf(url);
  return routes.find((route) => fits(path, parts(route))) ?? UNMATCHED;
}

function pathOf(url: string): readonly string[] {
  try {
    return parts(new URL(url, 'http://any.invalid').pathname);
  } catch {
    return [];
  }
}

const parts = (path: string): readonly string[] => path.split('/').filter((part) => part !== '');

function fits(path: readonly string[], route: readonly string[]): boolean {
  return (
    path.length === route.length &&
    route.every((part, at) => (part.startsWith('{') && part.endsWith('}')) || part === path[at])
  );
}
