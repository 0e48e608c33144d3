/** Measures navigations. Names are the routes as the app wrote them; addresses are never looked at. */

import { DestroyRef, inject } from '@angular/core';
import type { ActivatedRouteSnapshot, Event } from '@angular/router';
import {
  NavigationCancel,
  NavigationEnd,
  NavigationError,
  NavigationSkipped,
  NavigationStart,
  ROUTES,
  Router,
  RoutesRecognized,
} from '@angular/router';

import { origin } from './exception';
import { Sidespool } from './sidespool';

/** Starts watching, if the application has routes at all. */
export function watchRouter(): void {
  if (inject(ROUTES, { optional: true }) === null) return;
  const watch = new NavigationWatch(inject(Sidespool));
  const subscription = inject(Router).events.subscribe((event) => watch.on(event));
  inject(DestroyRef).onDestroy(() => subscription.unsubscribe());
}

class NavigationWatch {
  private startedAt = 0;
  private route = '(unmatched)';

  constructor(private readonly sidespool: Sidespool) {}

  on(event: Event): void {
    if (event instanceof NavigationStart) {
      this.startedAt = performance.now();
      this.route = '(unmatched)';
    } else if (event instanceof RoutesRecognized) {
      this.route = routeTemplate(event.state.root);
    } else if (event instanceof NavigationEnd) {
      this.report(undefined);
    } else if (event instanceof NavigationError) {
      this.report(errorName(event.error));
    } else if (event instanceof NavigationCancel || event instanceof NavigationSkipped) {
      this.route = '(unmatched)'; // a guard said no, or another navigation follows
    }
  }

  private report(error: string | undefined): void {
    this.sidespool.emit('ToolCall', {
      tool_name: `route ${this.route}`.slice(0, 128),
      duration_ms: Math.round(performance.now() - this.startedAt),
      success: error === undefined,
      ...(error === undefined ? {} : { error_type: error }),
    });
  }
}

/** `/users/:id/edit` for a route of that form, whatever stands in the address. */
export function routeTemplate(root: ActivatedRouteSnapshot): string {
  const parts: string[] = [];
  for (let at: ActivatedRouteSnapshot | null = root; at !== null; at = at.firstChild) {
    const config = at.routeConfig;
    if (config === null) continue;
    // A route with a matcher of its own has no path to show.
    const part = config.path ?? '(matched)';
    if (part !== '') parts.push(part);
  }
  return `/${parts.join('/')}`;
}

function errorName(thrown: unknown): string {
  const cause = origin(thrown);
  return (cause instanceof Error && cause.name) || 'Error';
}
