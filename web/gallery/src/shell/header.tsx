import { type FormEvent, useRef } from "react";
import { Link, useLocation } from "wouter";
import { wallAddress } from "../api/params";
import type { User } from "../api/types";
import { useSignOut } from "../api/writes";
import { say } from "../ui/said";
import { useSearch } from "../ui/search";
import css from "./header.module.css";

export function Header({ user }: { user: User | null }) {
  return (
    <header className={css.header}>
      <Link className={css.mark} href="/">
        Gallery
      </Link>
      <Search />
      <nav className={css.account} aria-label="Your account">
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
    go(wallAddress(here, { q, page: null }));
  }

  return (
    <search className={css.search}>
      <form action="/" onSubmit={submit}>
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
    <Link className="button" href={href} aria-current={isHere ? "page" : undefined}>
      Sign in
    </Link>
  );
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
