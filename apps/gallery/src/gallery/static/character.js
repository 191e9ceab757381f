// One character: portrait, story, images, similar ones, and what its owner may do.

import { call, get, session } from "./api.js";
import { signIn } from "./account.js";
import { count, h, picture, sheet, show } from "./dom.js";
import { editSheet } from "./forms.js";
import { cards } from "./wall.js";

const changed = () => dispatchEvent(new Event("gallery:changed"));

function likeButton(found) {
  let liked = found.liked === true;
  let likes = found.like_count;
  const button = h("button", { "aria-pressed": String(liked) });
  const draw = () => {
    button.setAttribute("aria-pressed", String(liked));
    button.textContent = `${liked ? "♥ Liked" : "♡ Like"} · ${count(likes)}`;
  };
  button.addEventListener("click", async () => {
    if (!session.user) return signIn();
    button.disabled = true;
    try {
      await call(liked ? "DELETE" : "POST", `/api/characters/${found.id}/like`);
      liked = !liked;
      likes += liked ? 1 : -1; // the shown count may be minutes old; one's own change shows at once
    } finally {
      button.disabled = false;
      draw();
    }
  });
  draw();
  return button;
}

function removeButton(found) {
  return h("button", {
    class: "danger",
    onclick: () => sheet(`Remove ${found.name}?`, [h("p", {}, "The character, its likes and its images go for good.")], {
      verb: "Remove",
      send: async () => {
        await call("DELETE", `/api/characters/${found.id}`);
        history.replaceState(null, "", "/?mode=newest");
        changed();
      },
    }),
  }, "Remove");
}

function imageSheet(found) {
  sheet(`An image of ${found.name}`, [
    h("label", {}, "JPEG, PNG or WebP, up to 10 MiB",
      h("input", { type: "file", name: "file", accept: "image/webp,image/png,image/jpeg", required: true })),
  ], {
    verb: "Upload",
    send: async (form) => {
      await call("POST", `/api/characters/${found.id}/images`, { body: new FormData(form) });
      changed();
    },
  });
}

function imageCard(found, image) {
  const mine = session.user && (session.user.id === image.owner_id || session.user.role === "admin");
  return h("li", { class: "card" },
    h("a", { href: image.url_640, target: "_blank", rel: "noopener" },
      h("span", { class: "frame" }, picture({ kind: "image", id: image.id, hash: image.digest, alt: image.prompt ?? `Image of ${found.name}`, sizes: "9rem" }))),
    h("p", {}, h("span", { class: "by" }, `by ${image.owner}`),
      mine && h("button", {
        class: "quiet", "aria-label": "Remove this image",
        onclick: async () => { await call("DELETE", `/api/characters/${found.id}/images/${image.id}`); changed(); },
      }, "Remove")));
}

export async function character(id, signal) {
  const found = await get(`/api/characters/${id}`, { signal, timed: true });
  document.title = `${found.name} · Gallery`;
  const attributes = Object.entries(found.attributes);
  const images = h("ul", { class: "wall" });
  const imageRow = h("section", { class: "row", hidden: true }, h("h2", {}, "Images"), images);
  const similarRow = h("section", { class: "row", hidden: true }, h("h2", {}, "Similar characters"));
  show(
    h("article", { class: "character" },
      h("span", { class: "frame" }, picture({ kind: "portrait", id, hash: found.picture, alt: `Portrait of ${found.name}`, sizes: "(max-width: 46rem) 92vw, 38rem", eager: true })),
      h("div", {},
        h("p", { class: "soft" }, "by ", h("a", { href: `/?mode=newest&creator=${encodeURIComponent(found.creator)}`, "data-link": true }, found.creator)),
        h("h1", {}, found.name),
        h("ul", { class: "tags" }, found.tags.map((tag) =>
          h("li", {}, h("a", { href: `/?mode=all&tag=${encodeURIComponent(tag)}`, "data-link": true }, tag)))),
        h("p", { class: "story" }, found.description),
        attributes.length > 0 && h("dl", { class: "facts" }, attributes.map(([name, value]) => [h("dt", {}, name.replaceAll("_", " ")), h("dd", {}, value)])),
        h("p", { class: "soft" }, `${count(found.view_count)} views · since ${new Date(found.created_at).toLocaleDateString("en", { dateStyle: "long" })}`),
        h("div", { class: "doing" },
          likeButton(found),
          session.user && h("button", { onclick: () => imageSheet(found) }, "Add an image"),
          found.can_edit && h("button", { onclick: () => editSheet(found) }, "Edit"),
          found.can_edit && removeButton(found)))),
    imageRow, similarRow);
  call("POST", `/api/characters/${id}/view`).catch(() => {}); // a view not counted harms nobody

  const [alike, pictures] = await Promise.allSettled([
    get(`/api/characters/${id}/similar`, { signal }), get(`/api/characters/${id}/images`, { signal })]);
  if (pictures.status === "fulfilled" && pictures.value.items.length) {
    images.replaceChildren(...pictures.value.items.map((image) => imageCard(found, image)));
    imageRow.hidden = false;
  }
  if (alike.status === "fulfilled" && alike.value.items.length) {
    similarRow.append(cards(alike.value.items, { sizes: "9rem" }));
    similarRow.hidden = false;
  }
}
