/** Compiles only if events that an application adds to the catalog are known to the service. */

import { inject } from '@angular/core';
import { Sidespool } from '@sidespool/angular';
import type {} from '@sidespool/protocol';

declare module '@sidespool/protocol' {
  interface EventMap {
    DocumentExported: { format: 'pdf' | 'html' };
  }
}

const sidespool = inject(Sidespool);
sidespool.emit('DocumentExported', { format: 'pdf' });
sidespool.emit('ChatTurn', { prompt_length: 1 });
// @ts-expect-error a required field is missing
sidespool.emit('DocumentExported', {});
