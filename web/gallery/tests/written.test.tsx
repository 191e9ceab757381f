// React makes the very pages that the server writes (apps/gallery/tests/written.py makes the file).

import { readFileSync } from "node:fs";
import { QueryClientProvider } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { prerender } from "react-dom/static";
import { expect, test } from "vitest";
import { Router } from "wouter";
import { type First, seed } from "../src/api/first";
import { newQueryClient } from "../src/api/queries";
import { App } from "../src/app";

interface Written {
  address: string;
  first: First;
  html: string;
}

const written: Written[] = JSON.parse(
  readFileSync(new URL("written.json", import.meta.url), "utf8"),
);

/** All of a page, its later chunks included. */
async function rendered(page: ReactNode): Promise<string> {
  // Whole: else a large part is sent behind the rest and moved into place by a script.
  const { prelude } = await prerender(page, { progressiveChunkSize: Number.MAX_SAFE_INTEGER });
  return new Response(prelude).text();
}

/** One tag a line, with its attributes in order: what a difference is easily seen in. */
function lines(html: string): string[] {
  return html
    .replace(/<link rel="preload"[^>]*>/g, "") // React's own hints for what it writes
    .replaceAll("&#x27;", "'")
    .replace(/<!--\/?\$-->/g, "") // where a page begins whose script is a chunk of its own
    .split(/(<[^>]*>)/)
    .filter(Boolean)
    .map((part) => {
      const tag = /^<([\w-]+)((?:\s+[\w-]+(?:="[^"]*")?)*)\s*\/?>$/.exec(part);
      if (!tag) return part;
      const attributes = [...(tag[2] ?? "").matchAll(/([\w-]+)(?:="([^"]*)")?/g)]
        .map(([, name, value]) => `${name?.toLowerCase()}="${value ?? ""}"`)
        .sort();
      return `<${[tag[1], ...attributes].join(" ")}>`;
    });
}

test.for(written)("$address as the server writes it", async ({ address, first, html }) => {
  const [path = "/", search = ""] = address.split("?");
  const client = newQueryClient();
  seed(client, first, search);
  const made = await rendered(
    <QueryClientProvider client={client}>
      <Router ssrPath={path} ssrSearch={search}>
        <App />
      </Router>
    </QueryClientProvider>,
  );
  expect(lines(made)).toEqual(lines(html));
});

test("there are pages to compare", () => {
  expect(written.length).toBeGreaterThan(5);
  expect(written.some(({ html }) => html.includes("cards-card"))).toBe(true);
});
