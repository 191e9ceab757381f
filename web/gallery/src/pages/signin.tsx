import { type FormEvent, useEffect, useState } from "react";
import { Redirect } from "wouter";
import type { User } from "../api/types";
import { useSignIn } from "../api/writes";
import forms from "../ui/forms.module.css";
import { say } from "../ui/said";
import { CAME_FROM_THERE, useSearch } from "../ui/search";
import { Refusal } from "../ui/states";
import { useTitle } from "../ui/title";

/** What brought somebody here who did not ask to sign in. */
const WHY = new Map([
  ["like", "Each person’s like counts once, so sign in to like. You come back here afterwards."],
  ["page", "That page is for members. You get there as soon as you have signed in."],
]);

/** Signing in, or becoming somebody who can; afterwards on to where one wanted to go. */
export function SignIn({ user }: { user: User | null }) {
  const [isNew, setNew] = useState(false);
  const search = useSearch();
  const enter = useSignIn(isNew ? "/api/auth/register" : "/api/auth/login");
  const title = isNew ? "Make an account" : "Sign in";
  const why = WHY.get(new URLSearchParams(search).get("for") ?? "");
  useTitle(title);

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const given = new FormData(event.currentTarget);
    const username = String(given.get("username"));
    enter.mutate(
      { username, password: String(given.get("password")) },
      { onSuccess: () => say(`Signed in as ${username}.`) },
    );
  }

  // Not where the answer comes in: a page for members would not know them yet, and send them back.
  // Who came from there goes back, or there would be two of it in the history.
  const isBack = user !== null && history.state === CAME_FROM_THERE;
  useEffect(() => {
    if (isBack) history.back();
  }, [isBack]);
  if (user) return isBack ? null : <Redirect to={nextOf(search)} replace />;

  return (
    <form className={forms.narrow} onSubmit={submit}>
      <h1>{title}</h1>
      {why && <p>{why}</p>}
      <label>
        Name
        <input
          name="username"
          required
          maxLength={isNew ? 32 : 64}
          pattern={isNew ? "[A-Za-z0-9_\\-]{3,32}" : undefined}
          title={isNew ? "3 to 32 letters, digits, _ or -" : undefined}
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
        />
        {isNew && <small>3 to 32 letters, digits, _ or -</small>}
      </label>
      <label>
        Password
        <input
          type="password"
          name="password"
          required
          minLength={isNew ? 10 : undefined}
          maxLength={200}
          autoComplete={isNew ? "new-password" : "current-password"}
        />
        {isNew && <small>At least 10 characters</small>}
      </label>
      <Refusal error={enter.error} />
      <p className={forms.ends}>
        <button
          type="button"
          className="quiet"
          onClick={() => {
            enter.reset();
            setNew(!isNew);
          }}
        >
          {isNew ? "I have an account" : "New here? Make an account"}
        </button>
        <button type="submit" className="primary" disabled={enter.isPending}>
          {title}
        </button>
      </p>
    </form>
  );
}

/** Where to go on to: an address of this site's own, whatever the query says. */
export function nextOf(search: string): string {
  const next = new URLSearchParams(search).get("next") ?? "/";
  const url = new URL(next, "http://here.invalid");
  const isOurs = next.startsWith("/") && url.origin === "http://here.invalid";
  return isOurs ? url.pathname + url.search : "/";
}
