// The core must stay small: every page that is live loads it.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const MAX_BYTES = 6 * 1024;

const built = readFileSync(new URL("dist/index.js", import.meta.url));
if (/^\s*import\b/m.test(built.toString())) throw new Error("dist/index.js must be one module");
const bytes = gzipSync(built, { level: 9 }).length;
const text = `@keepwarm/live: ${bytes} bytes gzipped, of ${MAX_BYTES}`;
if (bytes > MAX_BYTES) throw new Error(`${text}: too large`);
process.stdout.write(`${text}\n`);
