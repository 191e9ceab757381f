// Signing in and out, and what a signed-in reader may make.

import { call, get, session } from "./api.js";
import { h, sheet } from "./dom.js";
import { newCharacterSheet, paintSheet, preferencesSheet } from "./forms.js";

const changed = () => { drawAccount(); dispatchEvent(new Event("gallery:changed")); };

function credentials(isNew) {
  return [
    h("label", {}, "Name", h("input", { name: "username", required: true, maxlength: 32, autocomplete: "username", autofocus: true })),
    h("label", {}, "Password", h("input", { name: "password", type: "password", required: true, maxlength: 200, minlength: isNew ? 10 : null, autocomplete: isNew ? "new-password" : "current-password" })),
  ];
}

async function enter(form, address) {
  const { username, password } = Object.fromEntries(new FormData(form));
  const me = await call("POST", address, { body: { username, password } });
  session.user = me.user;
  changed();
}

export function signIn() {
  const dialog = sheet("Sign in", credentials(false), {
    verb: "Sign in",
    send: (form) => enter(form, "/api/auth/login"),
    extra: h("button", { type: "button", class: "quiet", onclick: () => { dialog.close(); register(); } }, "New here?"),
  });
}

function register() {
  sheet("Join the gallery", credentials(true), { verb: "Join", send: (form) => enter(form, "/api/auth/register") });
}

async function signOut() {
  await call("POST", "/api/auth/logout");
  session.user = null;
  changed();
}

export function drawAccount() {
  document.querySelector("#account").replaceChildren(...(session.user
    ? [
      h("button", { onclick: newCharacterSheet }, "New"),
      h("button", { onclick: paintSheet }, "Paint"),
      h("button", { class: "quiet who", onclick: () => preferencesSheet(get), title: "Your preferences" }, session.user.username),
      h("button", { class: "quiet", onclick: signOut }, "Sign out"),
    ]
    : [h("button", { onclick: signIn }, "Sign in")]));
}
