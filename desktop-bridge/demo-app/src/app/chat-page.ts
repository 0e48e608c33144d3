/** The conversation, with the tools the assistant used and what it proposes. */

import type { ElementRef } from '@angular/core';
import {
  ChangeDetectionStrategy,
  Component,
  DestroyRef,
  afterRenderEffect,
  inject,
  signal,
  viewChild,
} from '@angular/core';

import { Sidespool } from '@sidespool/angular';

import { ProposalCard } from './proposal-card';
import { Work } from './work';

const IDEAS = [
  { idea: 'readme', prompt: 'Improve the README' },
  { idea: 'test', prompt: 'Add a first test' },
  { idea: 'tidy', prompt: 'Tidy up the editor settings' },
] as const;

@Component({
  selector: 'demo-chat-page',
  changeDetection: ChangeDetectionStrategy.OnPush,
  imports: [ProposalCard],
  styles: `
    :host { display: grid; grid-template-rows: 1fr auto; height: 100%; }
    .stream { overflow: auto; scroll-behavior: smooth; padding: 2rem; }
    .column { display: grid; gap: 1.1rem; max-width: 46rem; margin: 0 auto; }
    .empty { display: grid; gap: 0.9rem; justify-items: center; margin: 16vh auto 0; text-align: center; max-width: 28rem; }
    .user { justify-self: end; max-width: 80%; padding: 0.65rem 1rem; color: var(--on-accent); background: var(--accent); border-radius: 16px 16px 4px 16px; }
    .assistant { display: grid; gap: 0.75rem; }
    .tools { display: flex; flex-wrap: wrap; gap: 0.4rem; }
    .tools li { padding: 0.15rem 0.65rem; font-size: 0.8125rem; color: var(--soft); background: var(--sunken); border-radius: 999px; }
    .tools li.failed { color: var(--bad); background: var(--bad-soft); }
    .ideas { display: flex; flex-wrap: wrap; gap: 0.5rem; justify-content: center; }
    form { display: flex; gap: 0.75rem; padding: 1rem 2rem 1.5rem; max-width: 50rem; width: 100%; margin: 0 auto; }
    input { flex: 1; min-width: 0; padding: 0.75em 1em; font: inherit; color: var(--ink); background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
    input::placeholder { color: var(--soft); }
  `,
  template: `
    <div #stream class="stream">
      @if (work.workspace(); as workspace) {
        <div class="column" role="log" aria-label="Conversation">
          @for (message of work.messages(); track $index) {
            @if (message.from === 'user') {
              <p class="user">{{ message.text }}</p>
            } @else {
              <div class="assistant">
                <ul class="tools" aria-label="Tools used">
                  @for (tool of message.tools; track $index) {
                    <li [class.failed]="tool.error_type">
                      {{ tool.name }} · {{ tool.error_type ? 'failed' : tool.duration_ms + ' ms' }}
                    </li>
                  }
                </ul>
                <p>{{ message.text }}</p>
                @if (work.review(message.proposalId); as review) {
                  <demo-proposal-card [review]="review" />
                }
              </div>
            }
          } @empty {
            <div class="empty">
              <h1>What shall we improve in {{ workspace.name }}?</h1>
              <p class="soft">The assistant looks around, proposes a change, and waits for your word.</p>
              <div class="ideas">
                @for (one of ideas; track one.idea) {
                  <button type="button" class="button" (click)="pick(one)">{{ one.prompt }}</button>
                }
              </div>
            </div>
          }
          @if (work.thinking()) {
            <p class="soft">Thinking…</p>
          }
        </div>
      } @else {
        <div class="empty">
          <h1>Pick a folder to begin</h1>
          <p class="soft">Nothing in it changes before you approve a proposal.</p>
          <button type="button" class="button primary" (click)="work.pickWorkspace()">Pick a folder…</button>
        </div>
      }
    </div>
    @if (work.workspace()) {
      <form (submit)="send($event)">
        <input
          aria-label="Message" placeholder="Ask for a change…" autocomplete="off"
          [value]="draft()" (input)="draft.set($any($event.target).value)"
        />
        <button class="button primary" [disabled]="work.thinking() || !draft().trim()">Send</button>
      </form>
    }
  `,
})
export class ChatPage {
  protected readonly work = inject(Work);
  protected readonly ideas = IDEAS;
  protected readonly draft = signal('');
  private readonly sidespool = inject(Sidespool);
  private readonly stream = viewChild.required<ElementRef<HTMLElement>>('stream');

  constructor() {
    // Only how often this happens leaves the machine, once a day: see telemetry.catalog.toml.
    inject(DestroyRef).onDestroy(() => {
      const { length } = this.draft().trim();
      if (length > 0) this.sidespool.emit('DraftAbandoned', { draft_length: length });
    });
    afterRenderEffect(() => {
      this.work.messages();
      const { nativeElement } = this.stream();
      nativeElement.scrollTop = nativeElement.scrollHeight;
    });
  }

  protected pick({ idea, prompt }: (typeof IDEAS)[number]): void {
    const is_git_repo = this.work.workspace()?.is_git_repo === true;
    this.sidespool.emit('IdeaPicked', { idea, is_git_repo });
    void this.work.ask(prompt);
  }

  protected send(event: Event): void {
    event.preventDefault();
    const prompt = this.draft().trim();
    if (prompt === '') return;
    this.draft.set('');
    void this.work.ask(prompt);
  }
}
