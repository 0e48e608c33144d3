/** Asks for consent where the daemon says that the user must be asked. No is the default. */

import type { ElementRef } from '@angular/core';
import {
  ChangeDetectionStrategy,
  Component,
  afterRenderEffect,
  computed,
  inject,
  input,
  output,
  signal,
  viewChild,
} from '@angular/core';

import { closeModal, openModal } from '../look/modal';
import { BASE, DIALOG } from '../look/styles';
import { SIDESPOOL_OPTIONS } from '../options';
import { SIDESPOOL_TEXTS } from '../provide';
import { Sidespool } from '../sidespool';

let next = 0;

@Component({
  selector: 'sidespool-consent-dialog',
  changeDetection: ChangeDetectionStrategy.OnPush,
  styles: [
    BASE,
    DIALOG,
    `
      :host { display: contents; }
      ul { margin: 0.9rem 0; padding: 0; list-style: none; display: grid; gap: 0.4rem; }
      li { display: grid; grid-template-columns: 1.4em 1fr; }
      li::before { content: '✓' / ''; color: var(--_accent); font-weight: 700; }
    `,
  ],
  template: `
    @let t = texts();
    @if (asking()) {
      <dialog
        #dialog
        [attr.aria-labelledby]="id + '-heading'"
        [attr.aria-describedby]="id + '-text'"
        (cancel)="decide($event, 'denied')"
      >
        <h2 [id]="id + '-heading'">{{ t.consentHeading(app()) }}</h2>
        <p [id]="id + '-text'">{{ t.consentText(app()) }}</p>
        <ul>
          @for (point of t.consentPoints; track point) {
            <li>{{ point }}</li>
          }
        </ul>
        <p class="muted">{{ t.consentLater }}</p>
        @if (privacyUrl(); as url) {
          <p><a [href]="url" target="_blank" rel="noopener">{{ t.privacyLink }}</a></p>
        }
        <div class="choices">
          <button type="button" data-default (click)="decide($event, 'denied')">{{ t.decline }}</button>
          <button type="button" (click)="decide($event, 'granted')">{{ t.accept }}</button>
        </div>
      </dialog>
    }
  `,
})
export class SidespoolConsentDialog {
  private readonly options = inject(SIDESPOOL_OPTIONS);
  readonly app = input(this.options.appName ?? 'this app');
  readonly privacyUrl = input(this.options.privacyUrl);
  readonly decided = output<'granted' | 'denied'>();

  protected readonly id = `sidespool-consent-${next++}`;
  protected readonly texts = inject(SIDESPOOL_TEXTS);
  private readonly sidespool = inject(Sidespool);
  /** The policy just answered for: the daemon's confirmation is still on its way. */
  private readonly answered = signal<string | undefined>(undefined);
  private readonly dialog = viewChild<ElementRef<HTMLDialogElement>>('dialog');

  /** The daemon decides: nobody was asked yet, or the policy is a newer one. */
  protected readonly asking = computed(() => {
    const settings = this.sidespool.settings();
    return settings?.must_ask === true && this.answered() !== (settings.policy_version ?? '');
  });

  constructor() {
    afterRenderEffect(() => {
      const dialog = this.dialog();
      if (dialog !== undefined) openModal(dialog.nativeElement);
    });
  }

  protected async decide(event: Event, decision: 'granted' | 'denied'): Promise<void> {
    event.preventDefault();
    const dialog = this.dialog()?.nativeElement;
    if (dialog !== undefined) closeModal(dialog);
    this.answered.set(this.sidespool.settings()?.policy_version ?? '');
    this.decided.emit(decision);
    const heard = await this.sidespool.setConsent(decision);
    if (!heard) this.answered.set(undefined); // nobody wrote it down: it must be asked again
  }
}
