/** One file's change, line by line. */

import { ChangeDetectionStrategy, Component, computed, input } from '@angular/core';

@Component({
  selector: 'demo-diff-view',
  changeDetection: ChangeDetectionStrategy.OnPush,
  styles: `
    h3 { padding: 0.5rem 1.1rem; font: var(--mono); font-weight: 600; color: var(--soft); background: var(--sunken); }
    pre { margin: 0; padding: 0.4rem 0; overflow: auto; font: var(--mono); }
    span { display: block; min-width: max-content; padding: 0 1.1rem; }
    .added { color: var(--good); background: var(--good-soft); }
    .removed { color: var(--bad); background: var(--bad-soft); }
    .place { color: var(--soft); }
  `,
  template: `
    <h3>{{ path() }}</h3>
    <pre tabindex="0" [attr.aria-label]="'Changes in ' + path()">
@for (line of lines(); track $index) {<span [class]="line.kind">{{ line.text }}</span>}</pre>
  `,
})
export class DiffView {
  readonly path = input.required<string>();
  readonly diff = input.required<string>();

  protected readonly lines = computed(() =>
    this.diff()
      .split('\n')
      .slice(2) // the names of the file
      .map((text) => ({ text: text || ' ', kind: KINDS[text.charAt(0)] ?? 'same' })),
  );
}

const KINDS: Readonly<Record<string, string>> = { '+': 'added', '-': 'removed', '@': 'place' };
