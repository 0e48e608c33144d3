import { TestBed } from '@angular/core/testing';
import { SidespoolConsentDialog } from '@sidespool/angular';
import { SidespoolTesting, provideSidespoolTesting } from '@sidespool/angular/testing';
import { expect, test } from 'vitest';

async function show(policy = '1'): Promise<{
  root: HTMLElement;
  testing: SidespoolTesting;
  settle: () => Promise<void>;
}> {
  TestBed.configureTestingModule({
    providers: [provideSidespoolTesting({ appName: 'Proposals', privacyUrl: 'https://p.example' })],
  });
  const testing = TestBed.inject(SidespoolTesting);
  testing.tell({ enabled: false, level: 'off', must_ask: true, policy_version: policy });
  const fixture = TestBed.createComponent(SidespoolConsentDialog);
  await fixture.whenStable();
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 5; turn += 1) await fixture.whenStable();
  };
  return { root: fixture.nativeElement as HTMLElement, testing, settle };
}

const buttons = (root: HTMLElement): HTMLButtonElement[] => [...root.querySelectorAll('button')];

test('it asks only where the daemon says that the user must be asked', async () => {
  const { root, testing, settle } = await show();
  expect(root.querySelector('dialog[open]')?.textContent).toContain('Help improve Proposals?');
  testing.tell({ must_ask: false });
  await settle();
  expect(root.querySelector('dialog')).toBeNull();
});

test('Decline comes first and is the default, and both buttons look alike', async () => {
  const { root } = await show();
  const [decline, accept] = buttons(root);
  expect(decline?.textContent).toBe('Decline');
  expect(document.activeElement).toBe(decline);
  expect(accept?.className).toBe(decline?.className);
});

test('the decision is told with the version of the policy', async () => {
  const { root, testing, settle } = await show('3');
  buttons(root)[1]?.click();
  await settle();
  expect(testing.asked).toEqual([{ op: 'consent', decision: 'granted', policy_version: '3' }]);
  expect(root.querySelector('dialog')).toBeNull();
});

test('leaving the dialog is a no', async () => {
  const { root, testing, settle } = await show();
  root.querySelector('dialog')?.dispatchEvent(new Event('cancel', { cancelable: true }));
  await settle();
  expect(testing.asked).toMatchObject([{ op: 'consent', decision: 'denied' }]);
});

test('a newer policy asks again', async () => {
  const { root, testing, settle } = await show('1');
  buttons(root)[0]?.click();
  await settle();
  testing.tell({ must_ask: true, policy_version: '2' });
  await settle();
  expect(root.querySelector('dialog')).not.toBeNull();
});
