/** A proposal on a page of its own; its address holds its id, and telemetry sees `/proposals/:id`. */

import { ChangeDetectionStrategy, Component, computed, inject } from '@angular/core';
import { toSignal } from '@angular/core/rxjs-interop';
import { ActivatedRoute, RouterLink } from '@angular/router';

import { ProposalCard } from './proposal-card';
import { Work } from './work';

@Component({
  selector: 'demo-proposal-page',
  changeDetection: ChangeDetectionStrategy.OnPush,
  imports: [ProposalCard, RouterLink],
  styles: `
    :host { display: grid; gap: 1.25rem; max-width: 50rem; margin: 0 auto; padding: 2rem; }
    a { color: var(--accent); }
  `,
  template: `
    <p><a routerLink="/chat">← Back to the assistant</a></p>
    @if (review(); as found) {
      <h1>{{ found.proposal.title }}</h1>
      <demo-proposal-card [review]="found" />
    } @else {
      <h1>This proposal is gone</h1>
    }
  `,
})
export class ProposalPage {
  private readonly work = inject(Work);
  private readonly parameters = toSignal(inject(ActivatedRoute).paramMap);
  protected readonly review = computed(() => this.work.review(this.parameters()?.get('id') ?? undefined));
}
