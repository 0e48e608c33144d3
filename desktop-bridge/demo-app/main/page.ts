/** Serves the page under an origin of its own, `app://demo`, instead of `file://`. */

import { protocol } from 'electron';
import { join, normalize, sep } from 'node:path';

export const ORIGIN = 'app://demo';

/** Before the app is ready. */
export function registerScheme(): void {
  const privileges = { standard: true, secure: true, supportFetchAPI: true, corsEnabled: true };
  protocol.registerSchemesAsPrivileged([{ scheme: 'app', privileges }]);
}

/** Once the app is ready. From Electron 25 on, `protocol.handle` does the same. */
export function servePages(folder: string): void {
  protocol.registerFileProtocol('app', (request, done) => {
    const path = normalize(decodeURIComponent(new URL(request.url).pathname));
    const file = join(folder, path === sep ? 'index.html' : path);
    if (file.startsWith(folder + sep)) done(file);
    else done({ error: -6 }); // net::ERR_FILE_NOT_FOUND
  });
}
