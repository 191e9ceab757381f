import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { defaultClientConditions, defaultServerConditions, type Plugin } from "vite";
import { defineConfig } from "vitest/config";

// What Python serves: it reads the manifest and writes the page around it.
const BUILT = join(import.meta.dirname, "../../apps/gallery/src/gallery/built");

// The server writes cards, too, so a class is called after its file, on every machine.
export function scopedName(local: string, file: string): string {
  return `${basename(file).replace(/\.module\.css.*$/, "")}-${local}`;
}

/** Compressed once and well, so that the server never has to. */
function compressed(): Plugin {
  return {
    name: "compressed",
    apply: "build",
    closeBundle() {
      for (const name of readdirSync(BUILT).filter((each) => /\.(js|css)$/.test(each))) {
        const data = readFileSync(join(BUILT, name));
        const hint = { params: { [constants.BROTLI_PARAM_SIZE_HINT]: data.length } };
        writeFileSync(join(BUILT, `${name}.gz`), gzipSync(data, { level: 9 }));
        writeFileSync(join(BUILT, `${name}.br`), brotliCompressSync(data, hint));
      }
    },
  };
}

export default defineConfig({
  base: "/assets/",
  publicDir: false,
  plugins: [compressed()],
  resolve: { conditions: ["keepwarm-source", ...defaultClientConditions] },
  ssr: {
    noExternal: ["@keepwarm/live"], // Vitest resolves as a server would
    resolve: { conditions: ["keepwarm-source", ...defaultServerConditions] },
  },
  css: { modules: { generateScopedName: scopedName } },
  build: {
    outDir: BUILT,
    emptyOutDir: true,
    assetsDir: ".",
    manifest: "manifest.json",
    cssCodeSplit: false, // one sheet, which the server puts into the page
    modulePreload: { polyfill: false },
    target: "es2023",
    reportCompressedSize: false,
    rolldownOptions: {
      checks: { pluginTimings: false }, // compressing takes longer than building
      input: "src/main.tsx",
      onwarn(warning, warn) {
        // "use client" is for servers that render; bundlers drop it, and say so a dozen times.
        if (warning.code !== "MODULE_LEVEL_DIRECTIVE") warn(warning);
      },
    },
  },
  test: {
    include: ["tests/**/*.test.{ts,tsx}"],
    environment: "node",
    css: { include: /./, modules: { classNameStrategy: "scoped" } }, // as in the build
  },
});
