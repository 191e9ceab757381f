import { defaultClientConditions, defineConfig } from "vite";

export default defineConfig({
  base: "/page/",
  build: {
    rolldownOptions: {
      onwarn(warning, warn) {
        // "use client" is for servers that render; bundlers drop it, and say so a dozen times.
        if (warning.code !== "MODULE_LEVEL_DIRECTIVE") warn(warning);
      },
    },
  },
  resolve: { conditions: ["keepwarm-source", ...defaultClientConditions] },
});
