/** What an application tells `provideSidespool`. */

import type { Type } from '@angular/core';
import { InjectionToken } from '@angular/core';
import type { ErrorHandler } from '@angular/core';

import type { SidespoolTexts } from './texts';
import type { Bridge, ClientLike, OutboxBounds, Snapshot } from './transport';
import { Client, findBridge, pageSurroundings } from './transport';

export interface SidespoolOptions {
  /** The application's name, as its users know it. */
  readonly appName?: string;
  /** Where the application explains what is collected. */
  readonly privacyUrl?: string;
  /** Version of the policy the user is asked about; default: what the daemon was started with. */
  readonly policyVersion?: string;

  /** `Error` for what Angular's error handler gets. Default: true. */
  readonly errors?: boolean;
  /** Told of each error first; default: Angular's own, which writes to the console. */
  readonly previousErrorHandler?: Type<ErrorHandler>;
  /** `ToolCall` named `route /items/:id` for each navigation. Default: true. */
  readonly router?: boolean;
  /** `ToolCall` named `http GET /items/{id}` for each request. Default: true. */
  readonly http?: boolean | HttpOptions;

  /** Texts in the user's language; a function may read signals and is asked again. */
  readonly texts?: Partial<SidespoolTexts> | (() => Partial<SidespoolTexts>);
  /** Given, users may change where data goes and as whom; the app keeps it in its settings. */
  readonly saveAdvanced?: (change: AdvancedChange) => void | Promise<void>;
  /** Bounds of what is kept while no daemon is there. */
  readonly queue?: OutboxBounds;
  /** Called when the page goes away with the number of events that are lost; usually none. */
  readonly onUnload?: (lost: number) => void;
}

export interface HttpOptions {
  /**
   * The paths of the app's own API, such as `/items/{id}`; query and host do not matter. A request
   * that fits none is named `(unmatched)`: no address is ever sent.
   */
  readonly routes?: readonly string[];
}

/** Only what the user changed; an empty text means: back to the application's own. */
export interface AdvancedChange {
  readonly endpoint?: string;
  readonly userId?: string;
}

export const SIDESPOOL_OPTIONS = new InjectionToken<SidespoolOptions>('sidespool options', {
  providedIn: 'root',
  factory: () => ({}),
});

/** How the page reaches the daemon; undefined outside Electron. The testing entry point's hook. */
export type ClientFactory = (
  outside: <T>(run: () => T) => T,
  onChange: (snapshot: Snapshot) => void,
  bounds: OutboxBounds | undefined,
) => ClientLike | undefined;

export const SIDESPOOL_CLIENT = new InjectionToken<ClientFactory>('sidespool client', {
  providedIn: 'root',
  factory: () => (outside, onChange, bounds) => {
    const bridge: Bridge | undefined = findBridge(globalThis);
    if (bridge === undefined) return undefined;
    return outside(() => new Client(bridge, pageSurroundings(outside), onChange, bounds));
  },
});
