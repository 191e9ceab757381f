import { type FormEvent, type KeyboardEvent, useRef } from "react";
import { Link, useLocation } from "wouter";
import { wallAddress } from "../api/params";
import type { User } from "../api/types";
import { useSignOut } from "../api/writes";
import { say } from "../ui/said";
import { CAME_FROM_THERE, useSearch } from "../ui/search";
import css from "./header.module.css";

export function Header({ user }: { user: User | null }) {
  return (
    <header className={css.header}>
      <Link className={css.mark} href="/">
        Gallery
      </Link>
      <Search />
      <nav className={css.account} aria-label="Your account" onKeyDown={step}>
        {user ? <Account user={user} /> : <SignInLink />}
      </nav>
    </header>
  );
}

function Search() {
  const [path, go] = useLocation();
  const search = useSearch();
  const here = path === "/" ? search : "";
  const asked = new URLSearchParams(here).get("q") ?? "";

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const q = String(new FormData(event.currentTarget).get("q")).trim();
    go(wallAddress(here, { q, mode: "all", page: null }));
  }

  return (
    <search className={css.search}>
      <form action="/" onSubmit={submit}>
        <input type="hidden" name="mode" value="all" />
        {/* Another address brings another question: the key empties or fills the field. */}
        <input
          key={asked}
          type="search"
          name="q"
          defaultValue={asked}
          placeholder="Search names and stories"
          aria-label="Search characters"
          maxLength={100}
          autoComplete="off"
          enterKeyHint="search"
        />
      </form>
    </search>
  );
}

function SignInLink() {
  const [path] = useLocation();
  const search = useSearch();
  const isHere = path === "/sign-in";
  const back = search ? `${path}?${search}` : path;
  const href = isHere || back === "/" ? "/sign-in" : `/sign-in?next=${encodeURIComponent(back)}`;
  return (
    <Link
      className="button"
      href={href}
      state={href === "/sign-in" ? null : CAME_FROM_THERE}
      aria-current={isHere ? "page" : undefined}
    >
      Sign in
    </Link>
  );
}

/** Up and down go through the open menu, and not down the page behind it. */
function step(event: KeyboardEvent<HTMLElement>): void {
  const menu = event.currentTarget.querySelector(":popover-open");
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!menu || !by) return;
  event.preventDefault();
  const entries = [...menu.querySelectorAll<HTMLElement>("a, button")];
  const here = entries.indexOf(document.activeElement as HTMLElement);
  entries.at((Math.max(here, by < 0 ? 0 : -1) + by) % entries.length)?.focus();
}

function Account({ user }: { user: User }) {
  const menu = useRef<HTMLDivElement>(null);
  const [, go] = useLocation();
  const out = useSignOut();
  const close = () => menu.current?.hidePopover();
  const gone = () => {
    say("Signed out.");
    go("/");
  };
  const leave = () => {
    close();
    out.mutate(undefined, { onSuccess: gone });
  };
  const entry = (href: string, label: string) => (
    <li>
      <Link href={href} onClick={close}>
        {label}
      </Link>
    </li>
  );
  return (
    <>
      <Link className={`button ${css.create}`} href="/new">
        Create
      </Link>
      <button type="button" className={css.who} popoverTarget="account-menu">
        {user.username}
      </button>
      <div ref={menu} id="account-menu" className={css.menu} popover="auto">
        <ul>
          {entry("/mine", "My gallery")}
          {entry("/new", "Create a character")}
          {entry("/paint", "Paint a picture")}
          {entry("/preferences", "Preferences")}
          <li>
            <button type="button" onClick={leave} disabled={out.isPending}>
              Sign out
            </button>
          </li>
        </ul>
      </div>
    </>
  );
}
