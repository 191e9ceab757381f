// What the first page loads must stay small; what only members use comes later, in its own chunk.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const MAX_BYTES = 95 * 1024;
const BUILT = join(import.meta.dirname, "../../apps/gallery/src/gallery/built");

const manifest = JSON.parse(readFileSync(join(BUILT, "manifest.json"), "utf8"));
const entry = Object.keys(manifest).find((name) => manifest[name].isEntry);
const first = new Set();
const add = (name) => {
  if (first.has(name)) return;
  first.add(name);
  for (const each of manifest[name].imports ?? []) add(each);
};
add(entry);

let bytes = 0;
for (const name of first) {
  const { file } = manifest[name];
  if (file.endsWith(".js")) bytes += gzipSync(readFileSync(join(BUILT, file)), { level: 9 }).length;
}
const text = `@keepwarm/gallery: ${bytes} bytes of script gzipped, of ${MAX_BYTES}`;
if (bytes > MAX_BYTES) throw new Error(`${text}: too large`);
process.stdout.write(`${text}\n`);
