/** Where data goes and as whom; editable where the application can keep it. */

import { ChangeDetectionStrategy, Component, computed, inject, input, signal } from '@angular/core';

import { BASE } from '../look/styles';
import { SIDESPOOL_OPTIONS } from '../options';
import { SIDESPOOL_TEXTS } from '../provide';
import { Sidespool } from '../sidespool';
import type { StatusView } from './daemon-status';

let next = 0;

@Component({
  selector: 'sidespool-advanced',
  changeDetection: ChangeDetectionStrategy.OnPush,
  styles: [
    BASE,
    `
      form, dl { display: grid; grid-template-columns: minmax(7.5rem, max-content) 1fr; gap: 0.5rem 1.25rem; align-items: center; }
      dt, label { color: var(--_muted); }
      dd { overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
      input {
        width: 100%; min-height: 2.4em; padding: 0.3em 0.6em; font: inherit; color: var(--_text);
        background: var(--_surface); border: 1px solid var(--_off); border-radius: calc(var(--_radius) * 0.7);
      }
      .row { display: flex; gap: 0.75rem; align-items: center; grid-column: 2; }
      dl { margin-top: 0.75rem; }
    `,
  ],
  template: `
    @let t = texts();
    @let s = status();
    @if (save) {
      <form (submit)="onSave($event, endpoint.value, userId.value)">
        <label [for]="id + '-endpoint'">{{ t.endpoint }}</label>
        <input
          #endpoint type="url" autocomplete="off" spellcheck="false"
          [id]="id + '-endpoint'" [value]="s?.endpoint ?? ''" [placeholder]="t.endpointNone"
        />
        <label [for]="id + '-user'">{{ t.userId }}</label>
        <input
          #userId autocomplete="off" spellcheck="false" maxlength="64"
          [id]="id + '-user'" [value]="s?.userId ?? ''"
        />
        <div class="row">
          <button type="submit">{{ t.save }}</button>
          <span role="status" class="muted">{{ saved() ? t.saved : '' }}</span>
        </div>
      </form>
    }
    <dl>
      @if (!save) {
        <dt>{{ t.endpoint }}</dt>
        <dd>{{ s?.endpoint || t.endpointNone }}</dd>
        <dt>{{ t.userId }}</dt>
        <dd>{{ s?.userId }}</dd>
      }
      <dt>{{ t.connection }}</dt>
      <dd>{{ connection() }}</dd>
    </dl>
  `,
})
export class SidespoolAdvanced {
  readonly status = input.required<StatusView | undefined>();

  protected readonly id = `sidespool-advanced-${next++}`;
  protected readonly texts = inject(SIDESPOOL_TEXTS);
  protected readonly save = inject(SIDESPOOL_OPTIONS).saveAdvanced;
  protected readonly saved = signal(false);
  private readonly sidespool = inject(Sidespool);

  protected readonly connection = computed(() => {
    const status = this.sidespool.status();
    const { connectionSocket, connectionPort } = this.texts();
    return status === 'socket' ? connectionSocket : status === 'port' ? connectionPort : '…';
  });

  protected async onSave(event: Event, endpoint: string, userId: string): Promise<void> {
    event.preventDefault();
    this.saved.set(false);
    const shown = this.status();
    await this.save?.({
      ...(endpoint.trim() === (shown?.endpoint ?? '') ? {} : { endpoint: endpoint.trim() }),
      ...(userId.trim() === (shown?.userId ?? '') ? {} : { userId: userId.trim() }),
    });
    this.saved.set(true);
  }
}
