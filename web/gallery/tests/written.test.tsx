// React makes the very pages that the server writes (apps/gallery/tests/written.py makes the file).

import { readFileSync } from "node:fs";
import { QueryClientProvider } from "@tanstack/react-query";
import { renderToStaticMarkup } from "react-dom/server";
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

/** One tag a line, with its attributes in order: what a difference is easily seen in. */
function lines(html: string): string[] {
  return html
    .replace(/<link rel="preload"[^>]*>/g, "") // React's own hints for what it writes
    .replaceAll("&#x27;", "'")
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

test.for(written)("$address as the server writes it", ({ address, first, html }) => {
  const [path = "/", search = ""] = address.split("?");
  const client = newQueryClient();
  seed(client, first, search);
  const made = renderToStaticMarkup(
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
