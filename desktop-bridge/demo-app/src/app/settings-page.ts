import { ChangeDetectionStrategy, Component } from '@angular/core';
import { SidespoolSettings } from '@sidespool/angular';

@Component({
  selector: 'demo-settings-page',
  changeDetection: ChangeDetectionStrategy.OnPush,
  imports: [SidespoolSettings],
  styles: `:host { display: grid; gap: 1.25rem; max-width: 46rem; margin: 0 auto; padding: 2rem; }`,
  template: `
    <h1>Settings</h1>
    <div class="card"><sidespool-settings /></div>
  `,
})
export class SettingsPage {}
