/** A report by the user: their words, whether these may be sent, and a look at it before it goes. */

import { ChangeDetectionStrategy, Component, inject, input, signal } from '@angular/core';
import type { ErrorReport } from '@sidespool/angular';
import { Sidespool } from '@sidespool/angular';

@Component({
  selector: 'demo-report-form',
  changeDetection: ChangeDetectionStrategy.OnPush,
  styles: `
    form { display: grid; gap: 0.9rem; }
    textarea { width: 100%; min-height: 5.5rem; padding: 0.7em 0.9em; font: inherit; font-weight: 400; color: var(--ink); background: var(--card); border: 1px solid var(--line); border-radius: 9px; resize: vertical; }
    label { display: grid; gap: 0.35rem; font-weight: 600; }
    .tick { display: flex; gap: 0.6rem; align-items: flex-start; font-weight: 400; }
    .tick input { margin-top: 0.3em; accent-color: var(--accent); }
    .row { display: flex; gap: 0.6rem; align-items: center; flex-wrap: wrap; }
    pre { margin: 0; padding: 0.8rem 1rem; overflow: auto; max-height: 18rem; font: var(--mono); background: var(--sunken); border-radius: 9px; }
  `,
  template: `
    <form (submit)="send($event, false)">
      <h2>Report a problem</h2>
      <label>
        What happened?
        <textarea #words [value]="description()" (input)="description.set(words.value)"></textarea>
      </label>
      <label class="tick">
        <input #tick type="checkbox" [checked]="include()" (change)="include.set(tick.checked)" />
        Send my words too, without names, paths and addresses. Otherwise they stay here.
      </label>
      <div class="row">
        <button type="button" class="button" [disabled]="!ready()" (click)="send($event, true)">Show what would be sent</button>
        <button class="button primary" [disabled]="!ready()">Send report</button>
        <span class="soft" role="status">{{ said() }}</span>
      </div>
      @if (shown(); as report) {
        <pre tabindex="0" aria-label="The report as it is sent">{{ text(report) }}</pre>
      }
    </form>
  `,
})
export class ReportForm {
  /** What was thrown last, if anything: goes into the report, scrubbed. */
  readonly thrown = input<unknown>();
  protected readonly description = signal('');
  protected readonly include = signal(false);
  protected readonly shown = signal<ErrorReport | undefined>(undefined);
  protected readonly said = signal('');
  private readonly sidespool = inject(Sidespool);

  protected ready(): boolean {
    return this.sidespool.present && (this.description().trim() !== '' || this.thrown() !== undefined);
  }

  protected text(report: ErrorReport): string {
    return JSON.stringify(report.event, null, 2);
  }

  protected async send(event: Event, preview: boolean): Promise<void> {
    event.preventDefault();
    const report = await this.sidespool.report({
      thrown: this.thrown(),
      description: this.description(),
      includeDescription: this.include(),
      mode: 'trouble',
      preview,
    });
    this.shown.set(report);
    if (report === undefined) return this.said.set('Reports are switched off, so nothing was sent.');
    this.said.set(preview ? 'Nothing has been sent yet.' : 'Thank you, the report is on its way.');
    if (!preview) this.description.set('');
  }
}
