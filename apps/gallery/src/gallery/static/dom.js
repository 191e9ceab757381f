// Elements from plain calls; text is always set as text, so nobody's story can be markup.

export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else element.setAttribute(key, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const WIDTHS = [160, 320, 640];

// One picture in the formats and widths the server paints; `sizes` as in <img sizes>.
export function picture({ kind, id, hash, alt, sizes, eager = false }) {
  const at = (width, format) => `/media/${hash}/${kind}-${id}-${width}.${format}`;
  const sources = WIDTHS.map((width) => `${at(width, "webp")} ${width}w`).join(", ");
  return h("img", {
    src: at(320, "webp"), srcset: sources, sizes, alt, width: 320, height: 320,
    loading: eager ? "eager" : "lazy", decoding: "async", fetchpriority: eager ? "high" : null,
  });
}

const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
export const count = (number) => compact.format(number);
export const plural = (number, word) => `${number.toLocaleString("en")} ${word}${number === 1 ? "" : "s"}`;

export function show(...children) {
  document.querySelector("#main").replaceChildren(...children);
}

// A modal dialog around one form; resolves nothing, closes itself when `send` succeeds.
export function sheet(title, fields, { verb = "Save", send, extra = [] }) {
  const refused = h("p", { class: "refused", role: "alert", hidden: true });
  const form = h("form", { class: "sheet", method: "dialog" },
    h("h2", {}, title), fields, refused,
    h("div", { class: "ends" }, extra,
      h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"),
      h("button", { class: "primary" }, verb)));
  const dialog = h("dialog", { "aria-label": title, onclose: () => dialog.remove() }, form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector(".primary");
    button.disabled = true;
    refused.hidden = true;
    try {
      if ((await send(form)) !== false) dialog.close();
    } catch (error) {
      refused.textContent = error.message;
      refused.hidden = false;
    } finally {
      button.disabled = false;
    }
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
