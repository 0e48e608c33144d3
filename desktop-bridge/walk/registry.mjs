// Serves packed packages as an npm registry does, so that `npm install @scope/name` installs the
// tarballs as it stands in a document.
import { createHash } from "node:crypto";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { basename } from "node:path";

/** `tarballs` are paths of `npm pack`; answers `{ url, close }`. */
export async function startRegistry(tarballs) {
  const packages = tarballs.map((path) => ({
    manifest: JSON.parse(execFileSync("tar", ["-xzOf", path, "package/package.json"]).toString()),
    content: readFileSync(path),
    file: `/-/${basename(path)}`,
  }));
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? "/");
    const tarball = packages.find(({ file }) => file === path);
    const named = packages.find(({ manifest }) => `/${manifest.name}` === path);
    if (tarball !== undefined) response.end(tarball.content);
    else if (named !== undefined) response.end(JSON.stringify(described(named, url)));
    else response.writeHead(404).end("{}");
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const url = `http://127.0.0.1:${server.address().port}`;
  return { url, close: () => (server.closeAllConnections(), server.close()) };
}

function described({ manifest, content, file }, url) {
  const { name, version } = manifest;
  const integrity = `sha512-${createHash("sha512").update(content).digest("base64")}`;
  const dist = { tarball: url + file, integrity };
  return { name, "dist-tags": { latest: version }, versions: { [version]: { ...manifest, dist } } };
}
