/** Shows what waits and what was sent: the very events, or their number where no more can be had. */

import { ChangeDetectionStrategy, Component, inject, input, output, signal } from '@angular/core';

import { BASE } from '../look/styles';
import { SIDESPOOL_TEXTS } from '../provide';
import { Sidespool } from '../sidespool';
import type { Batch, Shown, StatusView } from './daemon-status';
import { readBatches, readEvents } from './daemon-status';

/** A page of a million lines helps nobody. */
const SHOWN_MAX = 200;

@Component({
  selector: 'sidespool-records',
  changeDetection: ChangeDetectionStrategy.OnPush,
  styles: [
    BASE,
    `
      :host { display: grid; gap: 0.5rem; }
      details { border: 1px solid var(--_line); border-radius: var(--_radius); overflow: hidden; }
      summary { padding: 0.6em 0.9em; font-weight: 550; cursor: pointer; }
      summary:focus-visible { outline-offset: -2px; }
      .body { display: grid; gap: 0.5rem; padding: 0.25rem 0.9rem 0.9rem; }
      ul { display: grid; gap: 0.35rem; padding: 0; list-style: none; max-height: 22rem; overflow: auto; }
      li details { background: var(--_raised); border-color: transparent; }
      li summary { padding: 0.4em 0.75em; font-weight: 450; }
      pre {
        margin: 0; padding: 0.25rem 0.9rem 0.75rem; overflow: auto; tab-size: 2;
        font: 0.8125rem/1.45 ui-monospace, monospace;
      }
    `,
  ],
  template: `
    @let t = texts();
    <details (toggle)="onPending($event)">
      <summary>{{ t.pending }}</summary>
      <div class="body">
        @if (pending(); as events) {
          <p class="muted">{{ events.length ? t.pendingCount(events.length) : t.pendingNone }}</p>
          @if (events.length) {
            <ul tabindex="0" [attr.aria-label]="t.pending">
              @for (event of events.slice(0, max); track event.id) {
                <li>
                  <details>
                    <summary>{{ event.type }}</summary>
                    <pre tabindex="0">{{ event.json }}</pre>
                  </details>
                </li>
              }
            </ul>
          }
        } @else {
          <p class="muted">{{ t.pendingCount(status()?.waiting ?? 0) }}. {{ t.countsOnly }}</p>
        }
      </div>
    </details>
    <details (toggle)="onHistory($event)">
      <summary>{{ t.history }}</summary>
      <div class="body">
        @if (batches(); as sent) {
          @if (sent.length) {
            <ul tabindex="0" [attr.aria-label]="t.history">
              @for (batch of sent.slice(0, max); track batch.batchId) {
                <li>
                  <details (toggle)="onBatch($event, batch)">
                    <summary>{{ t.historyBatch(batch.sentAt, batch.sizeBytes) }}</summary>
                    @for (event of contents()[batch.batchId]; track event.id) {
                      <pre tabindex="0">{{ event.json }}</pre>
                    }
                  </details>
                </li>
              }
            </ul>
          } @else {
            <p class="muted">{{ t.historyNone }}</p>
          }
        } @else {
          <p class="muted">{{ t.historyCount(status()?.delivered ?? 0) }}. {{ t.countsOnly }}</p>
        }
      </div>
    </details>
  `,
})
export class SidespoolRecords {
  readonly status = input.required<StatusView | undefined>();
  /** Something is looked at: the numbers should be fresh. */
  readonly looked = output<void>();

  protected readonly max = SHOWN_MAX;
  protected readonly texts = inject(SIDESPOOL_TEXTS);
  protected readonly pending = signal<readonly Shown[] | undefined>(undefined);
  protected readonly batches = signal<readonly Batch[] | undefined>(undefined);
  protected readonly contents = signal<Readonly<Record<string, readonly Shown[]>>>({});
  private readonly sidespool = inject(Sidespool);

  protected async onPending(event: Event): Promise<void> {
    if (!isOpen(event)) return;
    this.looked.emit();
    const lines = await this.sidespool.read('/v1/pending');
    this.pending.set(lines === undefined ? undefined : readEvents(lines));
  }

  protected async onHistory(event: Event): Promise<void> {
    if (!isOpen(event)) return;
    this.looked.emit();
    const text = await this.sidespool.read('/v1/history');
    this.batches.set(text === undefined ? undefined : readBatches(text));
  }

  protected async onBatch(event: Event, batch: Batch): Promise<void> {
    event.stopPropagation();
    if (!isOpen(event)) return;
    const lines = await this.sidespool.read(`/v1/history?batch=${encodeURIComponent(batch.batchId)}`);
    this.contents.update((all) => ({ ...all, [batch.batchId]: readEvents(lines ?? '') }));
  }
}

/** `toggle` does not bubble, so this is the element's own. */
const isOpen = (event: Event): boolean => (event.currentTarget as HTMLDetailsElement).open;
