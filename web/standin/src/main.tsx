import { createRoot } from "react-dom/client";
import { variant } from "./parts.tsx";
import { watchItems } from "./seen.ts";

const { page } = variant === "swr" ? await import("./swr.tsx") : await import("./queries.tsx");

const root = document.querySelector("#root");
if (root) {
  watchItems(root);
  createRoot(root).render(page(variant));
}
