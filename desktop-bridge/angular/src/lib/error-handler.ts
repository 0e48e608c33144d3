/** Reports what Angular catches, and hands it on to the handler that would have had it. */

import { ErrorHandler, Injectable, inject } from '@angular/core';

import { SIDESPOOL_OPTIONS } from './options';
import { Sidespool } from './sidespool';

@Injectable()
export class SidespoolErrorHandler extends ErrorHandler {
  private readonly sidespool = inject(Sidespool);
  private readonly previous = previousHandler();

  override handleError(thrown: unknown): void {
    this.sidespool.captureException(thrown, 'renderer');
    this.previous.handleError(thrown);
  }
}

/** The one the app names, else the one of the injector around it, else Angular's own. */
function previousHandler(): ErrorHandler {
  const { previousErrorHandler } = inject(SIDESPOOL_OPTIONS);
  if (previousErrorHandler !== undefined) return inject(previousErrorHandler);
  return inject(ErrorHandler, { optional: true, skipSelf: true }) ?? new ErrorHandler();
}
