// The API's reference, drawn from /openapi.json; GETs without a path part can be tried.

import { h } from "./dom.js";

const place = document.querySelector("#operations");

function named(schema) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(named).join(" | ");
  if (schema.type === "array") return `${named(schema.items)}[]`;
  if (schema.enum) return schema.enum.map((each) => JSON.stringify(each)).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  return schema.type ?? "any";
}

function bounds(schema = {}) {
  const shown = ["default", "minimum", "maximum", "minLength", "maxLength", "pattern", "maxItems"];
  return shown.filter((key) => schema[key] !== undefined).map((key) => `${key} ${schema[key]}`).join(", ");
}

function rows(list) {
  return h("table", {}, list.map(([name, type, note]) =>
    h("tr", {}, h("td", {}, h("code", {}, name)), h("td", {}, type), h("td", { class: "soft" }, note))));
}

function operation(document_, path, verb, described) {
  const parameters = (described.parameters ?? []).map((each) =>
    [each.name + (each.required ? "" : "?"), named(each.schema), [each.description, bounds(each.schema)].filter(Boolean).join("; ")]);
  const content = described.requestBody?.content ?? {};
  const [bodyType] = Object.keys(content);
  const bodySchema = bodyType && content[bodyType].schema;
  const resolved = bodySchema?.$ref ? document_.components.schemas[named(bodySchema)] : bodySchema;
  const fields = Object.entries(resolved?.properties ?? {}).map(([name, schema]) =>
    [name + (resolved.required?.includes(name) ? "" : "?"), named(schema), [schema.description, bounds(schema)].filter(Boolean).join("; ")]);
  const answers = Object.entries(described.responses).map(([status, response]) =>
    [status, named(Object.values(response.content ?? {})[0]?.schema), response.description]);
  const answered = h("pre", { hidden: true });
  const tryIt = verb === "get" && !path.includes("{") && h("button", {
    onclick: async () => {
      const started = performance.now();
      const response = await fetch(path);
      const text = await response.text();
      const took = Math.round(performance.now() - started);
      let body = text;
      try { body = JSON.stringify(JSON.parse(text), null, 2); } catch { /* not JSON: shown as it came */ }
      const cache = response.headers.get("Cache-Status");
      answered.textContent = `${response.status} in ${took} ms${cache ? `\nCache-Status: ${cache}` : ""}\n\n${body}`;
      answered.hidden = false;
    },
  }, "Try it");
  return h("article", {}, h("details", {},
    h("summary", {}, h("span", { class: `verb ${verb}` }, verb.toUpperCase()), h("code", {}, path), h("span", { class: "soft" }, described.summary ?? "")),
    h("div", { class: "body" },
      described.description && h("p", {}, described.description),
      parameters.length > 0 && [h("h3", {}, "Parameters"), rows(parameters)],
      bodyType && [h("h3", {}, `Body (${bodyType})`), rows(fields)],
      h("h3", {}, "Answers"), rows(answers),
      tryIt && h("p", {}, tryIt), answered)));
}

const document_ = await (await fetch("/openapi.json")).json();
const groups = new Map();
for (const [path, methods] of Object.entries(document_.paths)) {
  for (const [verb, described] of Object.entries(methods)) {
    const group = described.tags?.[0] ?? "other";
    if (!groups.has(group)) groups.set(group, []);
    groups.get(group).push(operation(document_, path, verb, described));
  }
}
place.replaceChildren(...[...groups].flatMap(([group, articles]) => [h("h2", {}, group), ...articles]));
