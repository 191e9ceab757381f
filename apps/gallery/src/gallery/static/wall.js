// The wall: one page of characters in a mode, filtered, searched, paged.

import { get } from "./api.js";
import { count, h, picture, plural, show } from "./dom.js";
import { go } from "./router.js";

const MODES = [
  ["trending", "Trending"], ["featured", "Featured"], ["discover", "Discover"], ["newest", "Newest"], ["all", "All"],
];
const PAGE_SIZE = 24;

let facets = null; // species and tags to choose from, asked for once per visit

export function drawModes() {
  const here = new URLSearchParams(location.search);
  const current = location.pathname === "/" ? here.get("mode") ?? "trending" : null;
  document.querySelector("#modes").replaceChildren(...MODES.map(([mode, label]) =>
    h("a", { href: `/?mode=${mode}`, "data-link": true, "aria-current": mode === current ? "page" : null }, label)));
  document.querySelector("#search input").value = here.get("q") ?? "";
}

export function cards(items, { sizes, eager = 0 }) {
  return h("ul", { class: "wall" }, items.map((card, at) =>
    h("li", { class: "card" }, h("a", { href: `/characters/${card.id}`, "data-link": true },
      h("span", { class: "frame" }, picture({ kind: "portrait", id: card.id, hash: card.picture, alt: "", sizes, eager: at < eager })),
      h("h2", {}, card.name),
      h("p", {}, h("span", { class: "by" }, card.creator), h("span", { class: "likes" }, count(card.like_count)))))));
}

export async function wall(query, signal) {
  const mode = query.get("mode") ?? "trending";
  const page = Number(query.get("page") ?? 0);
  const asked = new URLSearchParams(query);
  asked.set("mode", mode);
  asked.set("page_size", PAGE_SIZE);
  const found = await get(`/api/characters?${asked}`, { signal, timed: true });
  document.title = `${MODES.find(([each]) => each === mode)?.[1] ?? "Gallery"} · Gallery`;

  const at = (changes) => {
    const next = new URLSearchParams(query);
    for (const [key, value] of Object.entries(changes)) {
      if (value === "" || value === null) next.delete(key); else next.set(key, value);
    }
    return `/?${next}`;
  };
  facets ??= await get("/api/facets", { signal }).catch(() => null);
  const choose = (name, label, options) => h("select", {
    "aria-label": label, onchange: (event) => go(at({ [name]: event.target.value, page: null })),
  }, h("option", { value: "" }, label), [...new Set([query.get(name), ...options])].filter(Boolean).map((option) =>
    h("option", { value: option, selected: query.get(name) === option }, option)));
  const without = (name) => query.get(name) && h("a", { class: "button", href: at({ [name]: null, page: null }), "data-link": true, "aria-label": `Not only ${query.get(name)}` }, `${query.get(name)} ×`);
  const pages = Math.ceil(found.total / PAGE_SIZE);
  const turn = (label, to, able) => able
    ? h("a", { class: "button", href: at({ page: to }), "data-link": true, rel: label === "Next" ? "next" : "prev" }, label)
    : h("button", { disabled: true }, label);
  show(
    h("div", { class: "bar" },
      h("h1", {}, query.get("q") ? `“${query.get("q")}”` : MODES.find(([each]) => each === mode)?.[1] ?? mode,
        h("small", {}, plural(found.total, "character"))),
      without("q"), without("creator"),
      facets && choose("species", "Any species", facets.species),
      facets && choose("tag", "Any tag", facets.tags)),
    found.items.length
      ? cards(found.items, { sizes: "(max-width: 46rem) 46vw, 13rem", eager: 6 })
      : h("div", { class: "empty" }, h("h2", {}, "Nobody by that description"), h("p", {}, "Try fewer words or filters.")),
    pages > 1 && h("nav", { class: "pages", "aria-label": "Pages" },
      turn("Previous", page - 1, page > 0),
      h("span", { class: "soft" }, `${page + 1} of ${pages.toLocaleString("en")}`),
      turn("Next", page + 1, page + 1 < pages)));
}
