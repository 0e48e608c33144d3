/** Deletes the user's data after a second question, and follows the request to its receipt. */

import { ChangeDetectionStrategy, Component, computed, inject, input, output, signal } from '@angular/core';

import { SidespoolConfirm } from '../look/confirm';
import { BASE } from '../look/styles';
import { SIDESPOOL_TEXTS } from '../provide';
import { Sidespool } from '../sidespool';
import type { StatusView } from './daemon-status';

@Component({
  selector: 'sidespool-deletion',
  changeDetection: ChangeDetectionStrategy.OnPush,
  imports: [SidespoolConfirm],
  styles: [
    BASE,
    `
      .row { display: flex; flex-wrap: wrap; gap: 0.75rem 1.5rem; align-items: center; justify-content: space-between; }
      .row p { flex: 1 1 16rem; }
      [role='status'] { margin-top: 0.5rem; overflow-wrap: anywhere; }
      [role='status']:empty { display: none; }
    `,
  ],
  template: `
    @let t = texts();
    <div class="row">
      <p class="muted">{{ t.deleteDetail }}</p>
      <button type="button" class="danger" [disabled]="busy()" (click)="confirm.open()">
        {{ t.deleteData }}
      </button>
    </div>
    <p role="status" class="muted">{{ state() }}</p>
    <sidespool-confirm
      #confirm
      [heading]="t.deleteHeading" [text]="t.deleteText" [yes]="t.deleteYes" [no]="t.cancel"
      [danger]="true"
      (answered)="onAnswer($event)"
    />
  `,
})
export class SidespoolDeletion {
  readonly status = input.required<StatusView | undefined>();
  readonly deleted = output<void>();

  protected readonly texts = inject(SIDESPOOL_TEXTS);
  protected readonly busy = signal(false);
  private readonly failed = signal(false);
  private readonly done = signal(false);
  private readonly sidespool = inject(Sidespool);

  protected readonly state = computed(() => {
    const { deleteFailed, deletedHere, deletion: words, receipt } = this.texts();
    if (this.failed()) return deleteFailed;
    const request = this.status()?.deletion;
    const named = request?.receipt ? receipt(request.receipt) : '';
    const there = request === undefined ? '' : (words[request.state] ?? request.state);
    return [this.done() ? deletedHere : '', there, named].filter((part) => part !== '').join(' ');
  });

  protected async onAnswer(yes: boolean): Promise<void> {
    if (!yes) return;
    this.busy.set(true);
    const answer = await this.sidespool.requestDeletion();
    this.busy.set(false);
    this.failed.set(answer === undefined);
    this.done.set(answer !== undefined);
    this.deleted.emit();
  }
}
