import { defineConfig } from "vite";

// Each entry is one ES module that needs no other of ours: `index.js` is also what an app
// serves to pages without a bundler.
export default defineConfig({
  build: {
    lib: {
      entry: { index: "src/index.ts", tanstack: "src/tanstack.ts", swr: "src/swr.ts" },
      formats: ["es"],
    },
    target: "es2023",
    minify: true,
    rolldownOptions: { external: ["react", "swr", /^@tanstack\//] },
  },
});
