import { defineConfig } from "vitest/config";

// Each entry is one ES module that needs no other of ours: `index.js` is also what an app
// serves to pages without a bundler.
export default defineConfig({
  test: {
    isolate: false, // half the time; no test leaves anything behind
    testTimeout: 20_000, // for machines that are busy with much else
  },
  build: {
    lib: {
      entry: { index: "src/index.ts", tanstack: "src/tanstack.ts", swr: "src/swr.ts" },
      formats: ["es"],
    },
    target: "es2022",
    minify: true,
    rolldownOptions: { external: ["react", "swr", /^@tanstack\//] },
  },
});
