// The forms that write: characters, preferences, paintings.

import { call, get } from "./api.js";
import { h, sheet } from "./dom.js";

const changed = () => dispatchEvent(new Event("gallery:changed"));
const words = (text) => text.split(",").map((each) => each.trim()).filter(Boolean);

function pairs(text) {
  return Object.fromEntries(text.split("\n").map((line) => line.split(":")).filter(([name, ...rest]) => name.trim() && rest.length)
    .map(([name, ...rest]) => [name.trim(), rest.join(":").trim()]));
}

function fields(found = {}) {
  return [
    h("label", {}, "Name", h("input", { name: "name", required: true, maxlength: 120, value: found.name ?? "" })),
    h("label", {}, "Story", h("textarea", { name: "description", maxlength: 4000, required: true }, found.description ?? "")),
    h("label", {}, "Tags, separated by commas", h("input", { name: "tags", value: (found.tags ?? []).join(", ") })),
    h("label", {}, "Attributes, one “name: value” per line (species, temperament, …)",
      h("textarea", { name: "attributes" }, Object.entries(found.attributes ?? {}).map(([name, value]) => `${name}: ${value}`).join("\n"))),
  ];
}

function read(form) {
  const given = Object.fromEntries(new FormData(form));
  return { name: given.name, description: given.description, tags: words(given.tags), attributes: pairs(given.attributes) };
}

export function newCharacterSheet() {
  sheet("A new character", fields(), {
    verb: "Create",
    send: async (form) => {
      const made = await call("POST", "/api/characters", { body: read(form) });
      history.pushState(null, "", `/characters/${made.id}`);
      changed();
    },
  });
}

export function editSheet(found) {
  sheet(`Edit ${found.name}`, fields(found), {
    send: async (form) => {
      await call("PATCH", `/api/characters/${found.id}`, { body: { ...read(form), version: found.version } });
      changed();
    },
  });
}

export async function preferencesSheet() {
  const now = await get("/api/preferences");
  sheet("What you like to see", [
    h("label", {}, "Open with", h("select", { name: "sort" }, ["featured", "trending", "discover", "newest", "all"].map((mode) =>
      h("option", { value: mode, selected: now.sort === mode }, mode)))),
    h("label", {}, "Favourite species", h("input", { name: "favourite_species", maxlength: 40, value: now.favourite_species ?? "" })),
    h("label", {}, "Tags to see more of, “tag: 0 to 5” per line",
      h("textarea", { name: "tag_weights" }, Object.entries(now.tag_weights).map(([tag, weight]) => `${tag}: ${weight}`).join("\n"))),
    h("label", {}, "Tags to hide, separated by commas", h("input", { name: "hidden_tags", value: now.hidden_tags.join(", ") })),
  ], {
    send: async (form) => {
      const given = Object.fromEntries(new FormData(form));
      const weights = Object.entries(pairs(given.tag_weights)).map(([tag, weight]) => [tag, Number(weight)]);
      await call("PUT", "/api/preferences", {
        body: {
          sort: given.sort, favourite_species: given.favourite_species.trim() || null,
          tag_weights: Object.fromEntries(weights), hidden_tags: words(given.hidden_tags),
        },
      });
      changed();
    },
  });
}

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

export function paintSheet() {
  const shown = h("div", { "aria-live": "polite" });
  sheet("Paint a picture", [
    h("label", {}, "What should be in it?", h("textarea", { name: "prompt", required: true, maxlength: 500, placeholder: "An old elf queen with a silver crown by the winter sea" })),
    h("label", {}, "Seed (the same words and seed paint the same picture)", h("input", { name: "seed", type: "number", min: 0, max: 2147483647, value: Math.floor(Math.random() * 1e6) })),
    shown,
  ], {
    verb: "Paint",
    send: async (form) => {
      const { prompt, seed } = Object.fromEntries(new FormData(form));
      shown.replaceChildren(h("p", { class: "soft" }, "Waiting for a painter …"));
      let job = await call("POST", "/api/generations", { body: { prompt, seed: Number(seed) } });
      while (job.status === "queued" || job.status === "running") {
        await pause(300);
        job = await get(`/api/generations/${job.id}`);
        shown.replaceChildren(h("p", { class: "soft" }, job.status === "running" ? "Painting …" : "Waiting for a painter …"));
      }
      if (job.status === "failed") throw new Error(job.error ?? "The painter gave up.");
      const { image } = await get(`/api/generations/${job.id}/result`);
      shown.replaceChildren(h("img", { class: "painted", src: image.url_640, alt: prompt }));
      return false; // stays open, so that the picture is seen
    },
  });
}
