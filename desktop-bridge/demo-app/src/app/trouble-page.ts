/** Something that fails in each process, to see what becomes of it. */

import { ChangeDetectionStrategy, Component, inject, signal } from '@angular/core';

import { Backend } from './backend';
import { desktop } from './desktop';
import { ReportForm } from './report-form';

@Component({
  selector: 'demo-trouble-page',
  changeDetection: ChangeDetectionStrategy.OnPush,
  imports: [ReportForm],
  styles: `
    :host { display: grid; gap: 1.25rem; max-width: 46rem; margin: 0 auto; padding: 2rem; }
    ul { display: grid; }
    li { display: flex; gap: 1.5rem; align-items: center; justify-content: space-between; padding: 1rem 0; border-top: 1px solid var(--line); }
    li:first-child { padding-top: 0; border: 0; }
    li:last-child { padding-bottom: 0; }
    b { display: block; font-weight: 600; }
    .button { white-space: nowrap; }
  `,
  template: `
    <h1>Trouble</h1>
    <p class="soft">
      Each button fails in one of the app's processes. Look at “Show what waits to be sent” in the
      settings to see the reports: without names, paths and addresses.
    </p>
    <ul class="card">
      <li>
        <span><b>The page</b><span class="soft">An exception in a click, caught by Angular's error handler.</span></span>
        <button type="button" class="button" (click)="failInPage()">Fail in the page</button>
      </li>
      <li>
        <span><b>The main process</b><span class="soft">A promise that nobody handles, in Electron's main process.</span></span>
        <button type="button" class="button" [disabled]="!inApp" (click)="failInMain()">Fail in main</button>
      </li>
      <li>
        <span><b>The backend</b><span class="soft">An exception in a FastAPI handler.</span></span>
        <button type="button" class="button" [disabled]="!inApp" (click)="failInBackend()">Fail in the backend</button>
      </li>
    </ul>
    <div class="card"><demo-report-form [thrown]="thrown()" /></div>
  `,
})
export class TroublePage {
  protected readonly inApp = desktop !== undefined;
  protected readonly thrown = signal<unknown>(undefined);
  private readonly backend = inject(Backend);

  protected failInPage(): void {
    const error = new TypeError('something went wrong in the page');
    this.thrown.set(error); // for the report, should the user make one
    throw error;
  }

  protected failInMain(): void {
    void desktop?.failInMain();
  }

  protected failInBackend(): void {
    void this.backend.fail();
  }
}
