/** Compiles only if the service takes what the catalog allows, and nothing else. */

import { inject } from '@angular/core';
import type { EmitOf, SidespoolOptions, SidespoolOf } from '@sidespool/angular';
import { Sidespool, injectSidespool, provideSidespool, sidespoolRoute } from '@sidespool/angular';
import type { SidespoolTesting } from '@sidespool/angular/testing';
import type { Level, PayloadOf } from '@sidespool/protocol';

// As an app gets it.
const sidespool = inject(Sidespool);
declare const testing: SidespoolTesting;

sidespool.emit('ChatTurn', { prompt_length: 1 });
sidespool.emit('ChatTurn');
sidespool.trackEvent('ToolCall', { tool_name: 'grep', success: true });
sidespool.capture('ProposalDecision', { decision: 'approved' });
sidespool.captureException(new Error('x'), { page: 'settings' });

// @ts-expect-error no such event
sidespool.emit('ChatTurned', {});
// @ts-expect-error no such field
sidespool.emit('ChatTurn', { prompt: 'text' });
// @ts-expect-error a number, not a text
sidespool.emit('ChatTurn', { prompt_length: '1' });
// @ts-expect-error not one of the enum's words
sidespool.capture('ProposalDecision', { decision: 'maybe' });
// @ts-expect-error contexts are flat
sidespool.captureException(new Error('x'), { page: { deep: 1 } });
// @ts-expect-error no such level
void sidespool.setLevel('everything');
// @ts-expect-error signals are read only
sidespool.level.set('off');

export const level: Level | undefined = sidespool.level();
export const calls: PayloadOf<'ToolCall'>[] = testing.payloads('ToolCall');

/** A map of one's own. */
interface AppEvents {
  ExportFinished: { format: 'pdf' | 'html'; size_bytes?: number };
  Opened: { from?: string };
}
const own = injectSidespool<AppEvents>();
own.emit('ExportFinished', { format: 'pdf' });
own.emit('Opened');
// @ts-expect-error a required field is missing
own.emit('ExportFinished', {});
// @ts-expect-error the payload is missing
own.emit('ExportFinished');
// @ts-expect-error the built-in events are not in this map
own.emit('ChatTurn', {});

export const emit: EmitOf<AppEvents> = own.emit;
export const of: SidespoolOf<AppEvents> = own;
export const options: SidespoolOptions = { http: { routes: ['/items/{id}'] }, router: false };
provideSidespool({ texts: () => ({ help: (app) => `Hilf ${app}` }) });
// @ts-expect-error texts with an app's name are functions
provideSidespool({ texts: { help: 'Hilf' } });
sidespoolRoute('/items/{id}');
