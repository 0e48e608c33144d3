import type { ComponentFixture } from '@angular/core/testing';
import { TestBed } from '@angular/core/testing';
import type { SidespoolOptions } from '@sidespool/angular';
import { SidespoolSettings } from '@sidespool/angular';
import { SidespoolTesting, provideSidespoolTesting } from '@sidespool/angular/testing';
import { expect, test } from 'vitest';

interface Shown {
  readonly fixture: ComponentFixture<SidespoolSettings>;
  readonly root: HTMLElement;
  readonly testing: SidespoolTesting;
  button(name: string): HTMLButtonElement;
  click(element: Element): Promise<void>;
}

async function show(options: SidespoolOptions = {}, prepare?: (testing: SidespoolTesting) => void): Promise<Shown> {
  TestBed.configureTestingModule({
    providers: [provideSidespoolTesting({ appName: 'Proposals', ...options })],
  });
  const testing = TestBed.inject(SidespoolTesting);
  prepare?.(testing);
  const fixture = TestBed.createComponent(SidespoolSettings);
  const root = fixture.nativeElement as HTMLElement;
  await fixture.whenStable();
  return {
    fixture,
    root,
    testing,
    button: (name) => {
      const all = [...root.querySelectorAll('button')];
      const found = all.find((one) => one.textContent?.trim() === name && one.closest('dialog:not([open])') === null);
      if (found === undefined) throw new Error(`no button ${name}`);
      return found;
    },
    click: async (element) => {
      (element as HTMLElement).click();
      await settled(fixture);
    },
  };
}

async function settled(fixture: ComponentFixture<unknown>): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) {
    await Promise.resolve();
    await fixture.whenStable();
  }
}

const switches = (root: HTMLElement): HTMLInputElement[] => [...root.querySelectorAll('input')];

test('the toggle asks in the words of the product, and shows what is in effect', async () => {
  const { root, testing, fixture } = await show();
  const [enabled] = switches(root);
  expect(root.textContent).toContain('Help improve Proposals by sending anonymous usage data');
  expect(enabled?.checked).toBe(true);
  testing.tell({ enabled: false, level: 'off', decided_by: 'app_settings' });
  await settled(fixture);
  expect(enabled?.checked).toBe(false);
  expect(enabled?.disabled).toBe(false);
});

test('a click is told to the daemon, whose answer moves the switch', async () => {
  const { root, testing, click } = await show();
  const [enabled] = switches(root);
  await click(enabled!);
  expect(testing.asked).toContainEqual({ op: 'set', settings: { enabled: false } });
  expect(enabled?.checked).toBe(false);
});

test('what others decided cannot be switched, and says so', async () => {
  const { root } = await show({}, (testing) =>
    testing.tell({ enabled: false, level: 'off', decided_by: 'do_not_track' }),
  );
  expect(switches(root)[0]?.disabled).toBe(true);
  expect(root.querySelector('[role=status]')?.textContent).toContain('DO_NOT_TRACK');
});

test('full content that cannot be had is explained', async () => {
  const { root } = await show({}, (testing) =>
    testing.tell({ app: { full_content: true }, decided_by: 'encryption' }),
  );
  expect(root.querySelector('[role=status]')?.textContent).toContain('no keychain');
  expect(switches(root)[0]?.disabled).toBe(false);
});

test('full content needs a second yes', async () => {
  const { root, testing, click, button } = await show();
  const full = switches(root)[1]!;
  await click(full);
  expect(testing.asked.some((one) => one.op === 'set')).toBe(false);
  await click(button('Cancel'));
  expect(full.checked).toBe(false);
  await click(full);
  await click(button('Share full content'));
  expect(testing.asked).toContainEqual({ op: 'set', settings: { full_content: true } });
});

test('full content is taken back without a question', async () => {
  const { root, testing, click } = await show({}, (one) => one.tell({ full_content: true, level: 'full' }));
  await click(switches(root)[1]!);
  expect(testing.asked).toContainEqual({ op: 'set', settings: { full_content: false } });
});

test('deleting needs a second yes, and shows the receipt', async () => {
  const { root, testing, click, button } = await show();
  await click(button('Delete my data'));
  expect(testing.asked.some((one) => one.op === 'reset')).toBe(false);
  testing.answers.status = {
    deletion: [
      { state: 'erased', receipt: 'old', requested_ms: 1 },
      { state: 'accepted', receipt: 'r-42', requested_ms: 2 },
    ],
  };
  await click(root.querySelector('dialog[open] .danger')!);
  expect(testing.asked).toContainEqual({ op: 'reset' });
  expect(root.textContent).toContain('Everything on this computer has been deleted.');
  expect(root.textContent).toContain('Receipt r-42');
});

async function openDetails(root: HTMLElement, name: string, fixture: ComponentFixture<unknown>): Promise<HTMLDetailsElement> {
  const summary = [...root.querySelectorAll('summary')].find((one) => one.textContent?.trim() === name);
  const details = summary?.parentElement as HTMLDetailsElement;
  details.open = true;
  details.dispatchEvent(new Event('toggle'));
  await settled(fixture);
  return details;
}

test('what waits is shown event by event', async () => {
  const { root, fixture, testing } = await show();
  testing.readable['/v1/pending'] = '{"event_id":"1","event_type":"ChatTurn","payload":{"prompt_length":3}}\n';
  const details = await openDetails(root, 'Show what waits to be sent', fixture);
  expect(details.textContent).toContain('1 event waiting');
  expect(details.querySelector('pre')?.textContent).toContain('"prompt_length": 3');
});

test('what was sent is shown batch by batch', async () => {
  const { root, fixture, testing } = await show();
  testing.readable['/v1/history'] = JSON.stringify({
    batches: [{ batch_id: 'b1', sent_at: '2026-01-02T03:04:05.000Z', size_bytes: 2048 }],
  });
  testing.readable['/v1/history?batch=b1'] = '{"event_id":"9","event_type":"ToolCall"}\n';
  const details = await openDetails(root, 'Show what was sent', fixture);
  expect(details.textContent).toContain('2 KB');
  const batch = await openDetails(root, details.querySelectorAll('summary')[1]?.textContent?.trim() ?? '', fixture);
  expect(batch.querySelector('pre')?.textContent).toContain('ToolCall');
});

test('where a page may not look, the numbers are shown', async () => {
  const { root, fixture } = await show({}, (testing) => {
    testing.answers.status = { tally: { in_spool: 12, delivered: 1 } };
  });
  const details = await openDetails(root, 'Show what waits to be sent', fixture);
  expect(details.textContent).toContain('12 events waiting');
});

test('the advanced part is collapsed, and can be changed where the app keeps it', async () => {
  const kept: unknown[] = [];
  const { root, fixture, click, button } = await show(
    { saveAdvanced: (change) => void kept.push(change) },
    (testing) => {
      testing.answers.status = { endpoint: 'https://t.example', user_id: 'u1' };
    },
  );
  const summary = [...root.querySelectorAll('summary')].find((one) => one.textContent === 'Advanced');
  expect((summary?.parentElement as HTMLDetailsElement).open).toBe(false);
  await openDetails(root, 'Advanced', fixture);
  const endpoint = root.querySelector<HTMLInputElement>('input[type=url]')!;
  expect(endpoint.value).toBe('https://t.example');
  endpoint.value = '';
  await click(button('Save'));
  expect(kept).toEqual([{ endpoint: '' }]);
});

test('every text can be another language\'s', async () => {
  const { root } = await show({ texts: { help: (app) => `Hilf ${app}`, heading: 'Nutzungsdaten' } });
  expect(root.textContent).toContain('Hilf Proposals');
  expect(root.querySelector('h2')?.textContent).toBe('Nutzungsdaten');
});
