/**
 * Opens a native dialog as modal: focus stays in it, Escape leaves it, the rest is inert. What
 * carries `data-default` gets the focus.
 */

export function openModal(dialog: HTMLDialogElement): void {
  if (dialog.open) return;
  // DOMs of tests know dialogs, but not as modal.
  if (typeof dialog.showModal === 'function') dialog.showModal();
  else dialog.setAttribute('open', '');
  dialog.querySelector<HTMLElement>('[data-default]')?.focus();
}

export function closeModal(dialog: HTMLDialogElement): void {
  if (typeof dialog.close === 'function') dialog.close();
  else dialog.removeAttribute('open');
}
