import { defineConfig } from 'vitest/config';

import base from '../vitest.config';

export default defineConfig({
  test: { ...base.test, include: ['pictures/*.test.ts'], root: `${import.meta.dirname}/..` },
});
