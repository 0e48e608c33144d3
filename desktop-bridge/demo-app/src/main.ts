import { provideHttpClient } from '@angular/common/http';
import { provideBrowserGlobalErrorListeners, provideZonelessChangeDetection } from '@angular/core';
import { bootstrapApplication } from '@angular/platform-browser';
import { provideRouter, withHashLocation } from '@angular/router';
import { provideSidespool } from '@sidespool/angular';

import { App } from './app/app';
import { desktop } from './app/desktop';
import { ROUTES } from './app/routes';

void bootstrapApplication(App, {
  providers: [
    provideZonelessChangeDetection(),
    provideBrowserGlobalErrorListeners(),
    provideRouter(ROUTES, withHashLocation()),
    provideHttpClient(),
    provideSidespool({
      appName: 'Proposals',
      privacyUrl: 'https://example.com/proposals/privacy',
      saveAdvanced: (change) => desktop?.keepAdvanced(change),
      // The backend measures its own requests. Without one: provideHttpClient(withInterceptors([sidespoolHttp])).
      http: false,
    }),
  ],
});
