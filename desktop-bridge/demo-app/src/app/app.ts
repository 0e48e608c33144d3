/** The window: navigation on the left, a page on the right, the state of telemetry at the foot. */

import { ChangeDetectionStrategy, Component, computed, inject } from '@angular/core';
import { RouterLink, RouterLinkActive, RouterOutlet } from '@angular/router';
import { Sidespool, SidespoolConsentDialog } from '@sidespool/angular';

import { Work } from './work';

@Component({
  selector: 'demo-root',
  changeDetection: ChangeDetectionStrategy.OnPush,
  imports: [RouterLink, RouterLinkActive, RouterOutlet, SidespoolConsentDialog],
  styles: `
    :host { display: grid; grid-template-columns: 15rem 1fr; height: 100%; }
    nav { display: flex; flex-direction: column; gap: 0.25rem; padding: 1.25rem 0.9rem; background: var(--card); border-right: 1px solid var(--line); }
    .brand { display: flex; align-items: center; gap: 0.6rem; padding: 0 0.6rem 1.1rem; font-weight: 700; font-size: 1.0625rem; }
    .mark { display: grid; place-items: center; width: 1.75rem; height: 1.75rem; color: var(--on-accent); background: var(--accent); border-radius: 8px; font-size: 0.9rem; }
    a { display: flex; align-items: center; justify-content: space-between; padding: 0.5rem 0.7rem; color: var(--ink); text-decoration: none; border-radius: 9px; }
    a:hover { background: var(--sunken); }
    a.here { background: var(--sunken); font-weight: 600; }
    .count { min-width: 1.5em; padding: 0 0.45em; text-align: center; color: var(--on-accent); background: var(--accent); border-radius: 999px; font-size: 0.8rem; line-height: 1.6; }
    .space { flex: 1; }
    .folder { display: block; width: 100%; margin-bottom: 0.75rem; padding: 0.6rem 0.7rem; text-align: left; font: inherit; color: var(--ink); background: transparent; border: 1px solid var(--line); border-radius: 9px; cursor: pointer; }
    .folder:hover { background: var(--sunken); }
    .folder small { display: block; color: var(--soft); }
    .folder b { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-weight: 600; }
    .state { display: flex; gap: 0.5rem; align-items: center; padding: 0.25rem 0.7rem; color: var(--soft); font-size: 0.8125rem; }
    .dot { width: 0.55rem; height: 0.55rem; border-radius: 50%; background: var(--soft); }
    .dot.on { background: var(--good); }
    main { overflow: auto; min-width: 0; }
  `,
  template: `
    <nav aria-label="Main">
      <div class="brand"><span class="mark" aria-hidden="true">✦</span> Proposals</div>
      <button type="button" class="folder" (click)="work.pickWorkspace()">
        <small>Workspace</small>
        <b>{{ work.workspace()?.name ?? 'Pick a folder…' }}</b>
      </button>
      <a routerLink="/chat" routerLinkActive="here" ariaCurrentWhenActive="page">
        Assistant
        @if (work.open(); as open) {
          <span class="count" [attr.aria-label]="open + ' open proposals'">{{ open }}</span>
        }
      </a>
      <a routerLink="/trouble" routerLinkActive="here" ariaCurrentWhenActive="page">Trouble</a>
      <a routerLink="/settings" routerLinkActive="here" ariaCurrentWhenActive="page">Settings</a>
      <div class="space"></div>
      <div class="state" role="status">
        <span class="dot" [class.on]="level() !== 'off'" aria-hidden="true"></span>
        <span>{{ state() }}</span>
      </div>
    </nav>
    <main><router-outlet /></main>
    <sidespool-consent-dialog />
  `,
})
export class App {
  protected readonly work = inject(Work);
  private readonly sidespool = inject(Sidespool);
  protected readonly level = computed(() => this.sidespool.level() ?? 'off');

  protected readonly state = computed(() => {
    switch (this.sidespool.status()) {
      case 'socket':
      case 'port':
        return this.level() === 'off' ? 'Usage data is off' : `Usage data: ${this.level()}`;
      case 'absent':
        return 'Running in a browser';
      default:
        return 'Connecting…';
    }
  });
}
