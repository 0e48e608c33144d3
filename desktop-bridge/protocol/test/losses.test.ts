import assert from "node:assert/strict";
import { test } from "node:test";
import { LossLedger } from "@sidespool/protocol";

test("what is lost is told once, and again where nobody heard it", () => {
  const ledger = new LossLedger();
  assert.equal(ledger.take(), undefined);
  ledger.note("page_gone", 2);
  ledger.note("page_gone", 1);
  ledger.note("client_overflow", 0);
  const told = ledger.take();
  assert.deepEqual(told, { page_gone: 3 });
  assert.equal(ledger.take(), undefined);
  ledger.note("client_overflow", 4);
  ledger.putBack(told ?? {});
  assert.deepEqual(ledger.take(), { page_gone: 3, client_overflow: 4 });
});
