/** A switch with its label and what it means; it follows the settings, not the click. */

import { ChangeDetectionStrategy, Component, input, output } from '@angular/core';

import { BASE } from './styles';

let next = 0;

@Component({
  selector: 'sidespool-switch',
  changeDetection: ChangeDetectionStrategy.OnPush,
  styles: [
    BASE,
    `
      :host { display: grid; grid-template-columns: 1fr auto; gap: 0.15rem 1.5rem; align-items: start; }
      label { font-weight: 550; cursor: pointer; }
      p { grid-column: 1; }
      input {
        appearance: none; position: relative; flex: none; width: 2.75rem; height: 1.5rem; margin: 0;
        background: var(--_off); border-radius: 999px; cursor: pointer; transition: background 0.15s;
        grid-column: 2; grid-row: 1 / span 2; margin-top: 0.05rem;
      }
      input::after {
        content: ''; position: absolute; inset: 0.1875rem auto auto 0.1875rem; width: 1.125rem;
        height: 1.125rem; background: var(--_surface); border-radius: 50%; transition: translate 0.15s;
      }
      input:checked { background: var(--_accent); }
      input:checked::after { translate: 1.25rem 0; }
      input:disabled { opacity: 0.5; cursor: default; }
      @media (prefers-reduced-motion: reduce) { input, input::after { transition: none; } }
      @media (forced-colors: active) { input { appearance: auto; } input::after { content: none; } }
    `,
  ],
  template: `
    <label [for]="id">{{ label() }}</label>
    <input
      #box
      type="checkbox"
      role="switch"
      [id]="id"
      [checked]="checked()"
      [disabled]="disabled()"
      [attr.aria-describedby]="id + '-detail'"
      (click)="clicked($event, box)"
    />
    <p class="muted" [id]="id + '-detail'">{{ detail() }}</p>
  `,
})
export class SidespoolSwitch {
  readonly label = input.required<string>();
  readonly detail = input.required<string>();
  readonly checked = input.required<boolean>();
  readonly disabled = input(false);
  readonly wanted = output<boolean>();

  protected readonly id = `sidespool-switch-${next++}`;

  protected clicked(event: Event, box: HTMLInputElement): void {
    // The daemon's answer moves the switch: what it shows is what is in effect.
    const wanted = box.checked;
    event.preventDefault();
    this.wanted.emit(wanted);
  }
}
