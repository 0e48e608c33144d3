/** The state of the work: one workspace, one conversation, its proposals. */

import { Injectable, computed, inject, signal } from '@angular/core';
import { Sidespool } from '@sidespool/angular';

import type { Proposal, ToolUse, Workspace } from './backend';
import { Backend } from './backend';
import { desktop } from './desktop';

export type Verdict = 'open' | 'approved' | 'rejected';

export interface Review {
  readonly proposal: Proposal;
  readonly shownAt: number;
  readonly verdict: Verdict;
}

export interface Message {
  readonly from: 'user' | 'assistant';
  readonly text: string;
  readonly tools: readonly ToolUse[];
  readonly proposalId: string | undefined;
}

@Injectable({ providedIn: 'root' })
export class Work {
  readonly workspace = signal<Workspace | undefined>(undefined);
  readonly messages = signal<readonly Message[]>([]);
  readonly reviews = signal<readonly Review[]>([]);
  readonly thinking = signal(false);
  readonly open = computed(() => this.reviews().filter(({ verdict }) => verdict === 'open').length);

  private readonly backend = inject(Backend);
  private readonly sidespool = inject(Sidespool);

  async pickWorkspace(): Promise<void> {
    const path = await desktop?.pickWorkspace();
    if (path === null || path === undefined) return;
    this.workspace.set(await this.backend.selectWorkspace(path));
    this.messages.set([]);
    this.reviews.set([]);
  }

  async ask(prompt: string): Promise<void> {
    const workspace = this.workspace();
    if (workspace === undefined || this.thinking()) return;
    this.say({ from: 'user', text: prompt, tools: [], proposalId: undefined });
    this.thinking.set(true);
    try {
      const { reply, tools, proposal } = await this.backend.chat(workspace.path, prompt);
      if (proposal !== null) {
        const review: Review = { proposal, shownAt: performance.now(), verdict: 'open' };
        this.reviews.update((all) => [...all, review]);
      }
      this.say({ from: 'assistant', text: reply, tools, proposalId: proposal?.id });
    } finally {
      this.thinking.set(false);
    }
  }

  /** Reported from here: only the page knows how long the user looked at it. */
  async decide({ proposal, shownAt }: Review, approved: boolean): Promise<void> {
    const { files } = await this.backend.decide(proposal.id, approved);
    const verdict: Verdict = approved ? 'approved' : 'rejected';
    this.sidespool.emit('ProposalDecision', {
      proposal_id: proposal.id,
      decision: verdict,
      review_duration_ms: Math.round(performance.now() - shownAt),
      files_approved: files,
    });
    this.reviews.update((all) =>
      all.map((one) => (one.proposal.id === proposal.id ? { ...one, verdict } : one)),
    );
  }

  review(id: string | undefined): Review | undefined {
    return this.reviews().find(({ proposal }) => proposal.id === id);
  }

  private say(message: Message): void {
    this.messages.update((all) => [...all, message]);
  }
}
