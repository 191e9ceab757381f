// The page's addresses: `/?mode=…` is the wall, `/characters/5` one character.

import { get, session } from "./api.js";
import { drawAccount } from "./account.js";
import { character } from "./character.js";
import { h, show } from "./dom.js";
import { go } from "./router.js";
import { drawModes, wall } from "./wall.js";

let leaving = new AbortController();

async function draw() {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const one = location.pathname.match(/^\/characters\/(\d+)$/);
  drawModes();
  try {
    if (one) await character(Number(one[1]), signal);
    else await wall(new URLSearchParams(location.search), signal);
  } catch (error) {
    if (error.name === "AbortError") return;
    document.title = "Gallery";
    show(h("div", { class: "empty" }, h("h2", {}, error.status === 404 ? "Not in the gallery" : "That did not work"),
      h("p", {}, error.message), h("p", {}, h("a", { href: "/", "data-link": true }, "Back to the wall"), " · ",
        h("button", { class: "quiet", onclick: draw }, "Try again"))));
  }
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-link]");
  if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  go(link.getAttribute("href"));
});

document.querySelector("#search").addEventListener("submit", (event) => {
  event.preventDefault();
  const q = new FormData(event.target).get("q").trim();
  const now = new URLSearchParams(location.pathname === "/" ? location.search : "");
  now.delete("page");
  if (q) now.set("q", q); else now.delete("q");
  go(`/?${now}`);
});

addEventListener("popstate", draw);
addEventListener("gallery:changed", draw);
addEventListener("gallery:gone", draw);

try {
  const me = await get("/api/auth/me");
  session.user = me.user;
} catch { /* signed out, or the server is away: the wall says so */ }
drawAccount();
await draw();
