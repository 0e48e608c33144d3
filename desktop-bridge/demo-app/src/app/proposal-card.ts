/** One proposal: what would change, and the user's word on it. */

import { ChangeDetectionStrategy, Component, computed, inject, input, signal } from '@angular/core';
import { RouterLink } from '@angular/router';

import { DiffView } from './diff-view';
import type { Review } from './work';
import { Work } from './work';

@Component({
  selector: 'demo-proposal-card',
  changeDetection: ChangeDetectionStrategy.OnPush,
  imports: [DiffView, RouterLink],
  styles: `
    article { padding: 0; overflow: hidden; }
    header, footer { display: flex; flex-wrap: wrap; gap: 0.75rem; align-items: center; justify-content: space-between; padding: 0.85rem 1.1rem; }
    header { border-bottom: 1px solid var(--line); }
    footer { border-top: 1px solid var(--line); }
    h2 { font-size: 1rem; }
    h2 a { color: inherit; text-decoration: none; }
    h2 a:hover { text-decoration: underline; }
    .choices { display: flex; gap: 0.6rem; }
    .verdict { padding: 0.2rem 0.75rem; border-radius: 999px; font-weight: 600; font-size: 0.875rem; }
    .approved { color: var(--good); background: var(--good-soft); }
    .rejected { color: var(--bad); background: var(--bad-soft); }
  `,
  template: `
    @let r = review();
    <article class="card">
      <header>
        <h2><a [routerLink]="['/proposals', r.proposal.id]">{{ r.proposal.title }}</a></h2>
        <span class="soft">{{ summary() }}</span>
      </header>
      @for (file of r.proposal.files; track file.path) {
        <demo-diff-view [path]="file.path" [diff]="file.diff" />
      }
      <footer>
        @if (r.verdict === 'open') {
          <span class="soft">Nothing has been written yet.</span>
          <span class="choices">
            <button type="button" class="button" [disabled]="busy()" (click)="decide(false)">Reject</button>
            <button type="button" class="button primary" [disabled]="busy()" (click)="decide(true)">Approve</button>
          </span>
        } @else {
          <span class="verdict" [class]="r.verdict" role="status">{{ r.verdict === 'approved' ? 'Approved and written' : 'Rejected' }}</span>
        }
      </footer>
    </article>
  `,
})
export class ProposalCard {
  readonly review = input.required<Review>();
  protected readonly busy = signal(false);
  private readonly work = inject(Work);

  protected readonly summary = computed(() => {
    const { files, operation } = this.review().proposal;
    return `${operation} · ${files.length === 1 ? '1 file' : `${files.length} files`}`;
  });

  protected async decide(approved: boolean): Promise<void> {
    this.busy.set(true);
    try {
      await this.work.decide(this.review(), approved);
    } finally {
      this.busy.set(false);
    }
  }
}
