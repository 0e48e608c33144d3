/** What the preload script puts at `window.desktop`; absent in a browser. */

import type { AdvancedChange } from '@sidespool/angular';

export interface Desktop {
  backend(): Promise<{ readonly url: string; readonly token: string }>;
  /** Null where the user changed their mind. */
  pickWorkspace(): Promise<string | null>;
  keepAdvanced(change: AdvancedChange): Promise<void>;
  failInMain(): Promise<void>;
  /** False where nothing could be opened. */
  openViewer(): Promise<boolean>;
}

export const desktop = (globalThis as { readonly desktop?: Desktop }).desktop;
