/** Wires Sidespool into an application. */

import type { EnvironmentProviders, Provider, Signal } from '@angular/core';
import {
  ErrorHandler,
  InjectionToken,
  computed,
  inject,
  makeEnvironmentProviders,
  provideEnvironmentInitializer,
} from '@angular/core';

import { SidespoolErrorHandler } from './error-handler';
import type { SidespoolOptions } from './options';
import { SIDESPOOL_OPTIONS } from './options';
import { watchRouter } from './router';
import { Sidespool } from './sidespool';
import type { SidespoolTexts } from './texts';
import { ENGLISH } from './texts';

/** The texts in use: English, and over it what the app has given. */
export const SIDESPOOL_TEXTS = new InjectionToken<Signal<SidespoolTexts>>('sidespool texts', {
  providedIn: 'root',
  factory: () => {
    const { texts } = inject(SIDESPOOL_OPTIONS);
    return computed(() => ({ ...ENGLISH, ...(typeof texts === 'function' ? texts() : texts) }));
  },
});

/**
 * For `bootstrapApplication`. Outside the desktop app all of it is a no-op. Requests are measured
 * once `sidespoolHttp` stands in `provideHttpClient(withInterceptors([sidespoolHttp]))`.
 */
export function provideSidespool(options: SidespoolOptions = {}): EnvironmentProviders {
  const providers: (Provider | EnvironmentProviders)[] = [
    { provide: SIDESPOOL_OPTIONS, useValue: options },
    provideEnvironmentInitializer(() => {
      inject(Sidespool);
      if (options.router !== false) watchRouter();
    }),
  ];
  const { previousErrorHandler: previous } = options;
  if (options.errors !== false) {
    providers.push({ provide: ErrorHandler, useClass: SidespoolErrorHandler });
    if (previous !== undefined) providers.push({ provide: previous, useClass: previous });
  }
  return makeEnvironmentProviders(providers);
}
