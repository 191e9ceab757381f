import { useQuery } from "@tanstack/react-query";
import { lazy, type ReactNode, Suspense, useEffect, useRef } from "react";
import { Redirect, Route, Switch, useLocation } from "wouter";
import { homeOf } from "./api/first";
import { queries } from "./api/queries";
import type { Mode, User } from "./api/types";
import { loadCharacter } from "./pages/chunks";
import { Featured } from "./pages/featured";
import { Wall } from "./pages/wall";
import { Footer } from "./shell/footer";
import { Header } from "./shell/header";
import { Modes } from "./shell/modes";
import { Offline } from "./shell/offline";
import { Boundary } from "./ui/boundary";
import { Said } from "./ui/said";
import { useSearch } from "./ui/search";
import { Empty } from "./ui/states";

// Whoever just looks does not wait for what only members use, nor the wall for other pages.
const members = () => import("./pages/members");
const Character = lazy(async () => ({ default: (await loadCharacter()).Character }));
const Create = lazy(async () => ({ default: (await members()).Create }));
const Edit = lazy(async () => ({ default: (await members()).Edit }));
const Mine = lazy(async () => ({ default: (await members()).Mine }));
const Paint = lazy(async () => ({ default: (await members()).Paint }));
const Preferences = lazy(async () => ({ default: (await members()).Preferences }));
const SignIn = lazy(async () => ({ default: (await members()).SignIn }));

export function App() {
  const me = useQuery(queries.me());
  const user = me.data?.user ?? null;
  const preferences = useQuery({ ...queries.preferences(), enabled: user !== null });
  const home = homeOf(user, preferences.data);
  return (
    <>
      <a className="skip" href="#main">
        Skip to the pictures
      </a>
      <Header user={user} />
      <Modes home={home} />
      <Offline />
      <Main>
        <Boundary>
          <Pages user={user} home={home} />
        </Boundary>
      </Main>
      <Footer />
      <Said />
    </>
  );
}

/** What a page is about: filters and its number do not make another of it, a question does. */
function subjectOf(address: string): string {
  const [path, search] = address.split("?");
  return `${path}?${new URLSearchParams(search).get("q") ?? ""}`;
}

/** Going to another page begins at its top, for the eye and for whoever listens. */
function Main({ children }: { children: ReactNode }) {
  const [path] = useLocation();
  const search = useSearch();
  const main = useRef<HTMLElement>(null);
  const shown = useRef(path + search);
  const isBack = useRef(false);
  useEffect(() => {
    const wentBack = () => {
      isBack.current = true; // the browser knows where it was on that page
    };
    addEventListener("popstate", wentBack);
    return () => removeEventListener("popstate", wentBack);
  }, []);
  useEffect(() => {
    if (shown.current === path + search) return;
    const isOtherPage = subjectOf(shown.current) !== subjectOf(path + search);
    shown.current = path + search;
    if (!isBack.current) scrollTo(0, 0);
    isBack.current = false;
    if (isOtherPage) main.current?.focus({ preventScroll: true });
  }, [path, search]);
  return (
    <main id="main" ref={main} tabIndex={-1}>
      {children}
    </main>
  );
}

function Pages({ user, home }: { user: User | null; home: Mode }) {
  return (
    <Switch>
      <Route path="/">
        <Home user={user} home={home} />
      </Route>
      <Route path="/featured">
        <Featured user={user} />
      </Route>
      <Route path="/characters/:id">
        {({ id }) => (
          <Suspense fallback={WAITING}>
            <Character key={id} id={Number(id)} user={user} />
          </Suspense>
        )}
      </Route>
      <Route path="/characters/:id/edit">
        {({ id }) => <Members user={user}>{() => <Edit key={id} id={Number(id)} />}</Members>}
      </Route>
      <Route path="/new">
        <Members user={user}>{() => <Create />}</Members>
      </Route>
      <Route path="/mine">
        <Members user={user}>{(own) => <Mine user={own} />}</Members>
      </Route>
      <Route path="/paint">
        <Members user={user}>{() => <Paint />}</Members>
      </Route>
      <Route path="/preferences">
        <Members user={user}>{() => <Preferences />}</Members>
      </Route>
      <Route path="/sign-in">
        <Suspense fallback={WAITING}>
          <SignIn user={user} />
        </Suspense>
      </Route>
      <Route>
        <Empty title="There is nothing at this address">
          <p>The link may be old, or have lost a letter.</p>
        </Empty>
      </Route>
    </Switch>
  );
}

const WAITING = <p role="status">One moment …</p>;

function Home({ user, home }: { user: User | null; home: Mode }) {
  const search = useSearch();
  if (home === "featured" && search === "") return <Featured user={user} />;
  return <Wall home={home} />;
}

/** For those who are signed in; others are asked to, and come back here. */
function Members({ user, children }: { user: User | null; children: (user: User) => ReactNode }) {
  const [path] = useLocation();
  if (!user) return <Redirect to={`/sign-in?next=${encodeURIComponent(path)}&for=page`} replace />;
  return <Suspense fallback={WAITING}>{children(user)}</Suspense>;
}
