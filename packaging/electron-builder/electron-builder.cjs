// The recipe with the list of nested binaries that macOS wants signed, inside out.
const { existsSync, readFileSync } = require("node:fs");
const { join } = require("node:path");

const list = join(process.cwd(), "build/mac-binaries.json");

module.exports = {
  extends: join(__dirname, "electron-builder.yml"),
  mac: existsSync(list) ? { binaries: JSON.parse(readFileSync(list, "utf8")) } : {},
};
