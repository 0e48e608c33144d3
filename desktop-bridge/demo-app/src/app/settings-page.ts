/** The settings: Sidespool's own component, and a way to see everything in a browser. */

import { ChangeDetectionStrategy, Component } from '@angular/core';
import { SidespoolSettings } from '@sidespool/angular';

import { desktop } from './desktop';

@Component({
  selector: 'demo-settings-page',
  changeDetection: ChangeDetectionStrategy.OnPush,
  imports: [SidespoolSettings],
  styles: `
    :host { display: grid; gap: 1.25rem; max-width: 46rem; margin: 0 auto; padding: 2rem; }
    .viewer { display: flex; gap: 1.5rem; align-items: center; justify-content: space-between; }
    .button { white-space: nowrap; }
  `,
  template: `
    <h1>Settings</h1>
    <div class="card"><sidespool-settings /></div>
    <div class="card viewer">
      <span class="soft">Everything that waits or was sent, on one page in your browser.</span>
      <button type="button" class="button" [disabled]="!inApp" (click)="openViewer()">Open the viewer</button>
    </div>
  `,
})
export class SettingsPage {
  protected readonly inApp = desktop !== undefined;

  protected openViewer(): void {
    void desktop?.openViewer();
  }
}
