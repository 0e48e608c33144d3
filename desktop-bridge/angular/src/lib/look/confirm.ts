/** Asks once more before something that matters; Cancel is the default. */

import type { ElementRef } from '@angular/core';
import { ChangeDetectionStrategy, Component, input, output, viewChild } from '@angular/core';

import { closeModal, openModal } from './modal';
import { BASE, DIALOG } from './styles';

let next = 0;

@Component({
  selector: 'sidespool-confirm',
  changeDetection: ChangeDetectionStrategy.OnPush,
  styles: [BASE, DIALOG],
  template: `
    <dialog
      #dialog
      role="alertdialog"
      [attr.aria-labelledby]="id + '-heading'"
      [attr.aria-describedby]="id + '-text'"
      (cancel)="answer($event, false)"
    >
      <h2 [id]="id + '-heading'">{{ heading() }}</h2>
      <p [id]="id + '-text'">{{ text() }}</p>
      <div class="choices">
        <button type="button" data-default (click)="answer($event, false)">{{ no() }}</button>
        <button type="button" [class.danger]="danger()" (click)="answer($event, true)">
          {{ yes() }}
        </button>
      </div>
    </dialog>
  `,
})
export class SidespoolConfirm {
  readonly heading = input.required<string>();
  readonly text = input.required<string>();
  readonly yes = input.required<string>();
  readonly no = input.required<string>();
  readonly danger = input(false);
  readonly answered = output<boolean>();

  protected readonly id = `sidespool-confirm-${next++}`;
  private readonly dialog = viewChild.required<ElementRef<HTMLDialogElement>>('dialog');

  open(): void {
    openModal(this.dialog().nativeElement);
  }

  protected answer(event: Event, yes: boolean): void {
    event.preventDefault();
    closeModal(this.dialog().nativeElement);
    this.answered.emit(yes);
  }
}
