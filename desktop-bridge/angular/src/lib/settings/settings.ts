/** The settings page's part about usage data: switches, one's own data, and how to delete it. */

import {
  ChangeDetectionStrategy,
  Component,
  DestroyRef,
  computed,
  effect,
  inject,
  input,
  signal,
  untracked,
  viewChild,
} from '@angular/core';

import { SidespoolConfirm } from '../look/confirm';
import { BASE } from '../look/styles';
import { SidespoolSwitch } from '../look/switch';
import { SIDESPOOL_OPTIONS } from '../options';
import { SIDESPOOL_TEXTS } from '../provide';
import { Sidespool } from '../sidespool';
import { SidespoolAdvanced } from './advanced';
import type { StatusView } from './daemon-status';
import { readStatus } from './daemon-status';
import { SidespoolDeletion } from './deletion';
import { SidespoolRecords } from './records';

/** A deletion request is under way for some seconds, and a person looks on. */
const REFRESH_MS = 2_000;

let next = 0;

@Component({
  selector: 'sidespool-settings',
  changeDetection: ChangeDetectionStrategy.OnPush,
  imports: [SidespoolAdvanced, SidespoolConfirm, SidespoolDeletion, SidespoolRecords, SidespoolSwitch],
  styles: [
    BASE,
    `
      :host { background: var(--_surface); }
      section { display: grid; gap: 1.25rem; }
      .group { display: grid; gap: 0.6rem; padding-top: 1.25rem; border-top: 1px solid var(--_line); }
      .notice { padding: 0.6em 0.9em; background: var(--_raised); border-radius: var(--_radius); }
      .notice:empty { display: none; }
      summary { font-weight: 550; cursor: pointer; }
      sidespool-advanced { margin-top: 0.75rem; }
    `,
  ],
  template: `
    @let t = texts();
    <section [attr.aria-labelledby]="id">
      <h2 [id]="id">{{ t.heading }}</h2>
      <sidespool-switch
        [label]="t.help(app())" [detail]="t.helpDetail"
        [checked]="enabled()" [disabled]="locked()"
        (wanted)="sidespool.setEnabled($event)"
      />
      <sidespool-switch
        [label]="t.fullContent" [detail]="t.fullContentDetail"
        [checked]="fullContent()" [disabled]="locked() || !enabled()"
        (wanted)="onFullContent($event)"
      />
      <p class="notice" role="status">{{ notice() }}</p>
      @if (privacyUrl(); as url) {
        <p><a [href]="url" target="_blank" rel="noopener">{{ t.privacyLink }}</a></p>
      }
      @if (sidespool.present) {
        <div class="group">
          <h3>{{ t.yourData }}</h3>
          <sidespool-records [status]="status()" (looked)="refresh()" />
          <sidespool-deletion [status]="status()" (deleted)="refresh()" />
        </div>
        <details class="group" (toggle)="refresh()">
          <summary>{{ t.advanced }}</summary>
          <sidespool-advanced [status]="status()" />
        </details>
      }
    </section>
    <sidespool-confirm
      #confirm
      [heading]="t.confirmFullHeading" [text]="t.confirmFullText(app())"
      [yes]="t.confirmFullYes" [no]="t.cancel"
      (answered)="$event && sidespool.setFullContent(true)"
    />
  `,
})
export class SidespoolSettings {
  private readonly options = inject(SIDESPOOL_OPTIONS);
  /** Default: the names given to `provideSidespool`. */
  readonly app = input(this.options.appName ?? 'this app');
  readonly privacyUrl = input(this.options.privacyUrl);

  protected readonly id = `sidespool-settings-${next++}`;
  protected readonly sidespool = inject(Sidespool);
  protected readonly texts = inject(SIDESPOOL_TEXTS);
  protected readonly status = signal<StatusView | undefined>(undefined);
  private readonly confirm = viewChild.required(SidespoolConfirm);

  protected readonly enabled = computed(() => this.sidespool.settings()?.enabled ?? false);
  protected readonly fullContent = computed(() => this.sidespool.settings()?.full_content ?? false);
  /** Someone decided over whom the user has no say, or nobody is there to be told. */
  protected readonly locked = computed(() => {
    const { status, settings } = this.sidespool;
    if (status() !== 'socket' && status() !== 'port') return true;
    return settings()?.enabled === false && !OWN.has(settings()?.decided_by ?? '');
  });
  protected readonly notice = computed(() => {
    const { status, settings } = this.sidespool;
    const texts = this.texts();
    if (status() === 'absent') return texts.absent;
    const view = settings();
    if (this.locked() && view?.enabled !== false) return texts.waiting;
    // What is asked for and not in effect is explained; all else speaks for itself.
    const refused = view?.app?.full_content === true && !view.full_content;
    if (view === undefined || (view.enabled && !refused)) return '';
    return texts.decidedBy[view.decided_by ?? ''] ?? view.because ?? '';
  });

  constructor() {
    effect(() => {
      this.sidespool.settings();
      if (!this.locked()) untracked(() => void this.refresh());
    });
    const timer = setInterval(() => this.followDeletion(), REFRESH_MS);
    inject(DestroyRef).onDestroy(() => clearInterval(timer));
  }

  protected onFullContent(wanted: boolean): void {
    if (wanted) this.confirm().open();
    else void this.sidespool.setFullContent(false);
  }

  protected async refresh(): Promise<void> {
    const answer = await this.sidespool.daemonStatus();
    if (answer !== undefined) this.status.set(readStatus(answer));
  }

  private followDeletion(): void {
    const state = this.status()?.deletion?.state;
    if (state === 'queued' || state === 'accepted') void this.refresh();
  }
}

/** Layers that are the user's own. */
const OWN: ReadonlySet<string> = new Set(['app_settings', 'consent']);
