// Parses every module named on the command line and all they import, and says what does not fit: `node
// --experimental-vm-modules link.mjs FILES…`, with the node that Playwright brings. Nothing of them is run.
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { SourceTextModule } from "node:vm";

const known = new Map();

function load(path) {
  if (!known.has(path)) {
    const module = new SourceTextModule(readFileSync(path, "utf8"), { identifier: path });
    known.set(path, module);
    module.linkRequests(module.moduleRequests.map(({ specifier }) => load(fileOf(specifier, path))));
  }
  return known.get(path);
}

function fileOf(specifier, from) {
  if (!specifier.startsWith(".")) throw new SyntaxError(`"${specifier}" is not a file: a browser cannot import it`);
  return resolve(dirname(from), specifier);
}

for (const path of process.argv.slice(2).map((name) => resolve(name))) {
  try {
    const module = load(path);
    if (module.status === "unlinked") module.instantiate(); // otherwise another's import has done so
  } catch (error) {
    console.log(`${path}: ${error.message}`);
  }
}
