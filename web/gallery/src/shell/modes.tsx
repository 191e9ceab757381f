import { Link, useLocation } from "wouter";
import { paramsOf } from "../api/params";
import type { Mode } from "../api/types";
import { useSearch } from "../ui/search";
import css from "./modes.module.css";

const COLLECTIONS: [Mode, string, string][] = [
  ["trending", "Trending", "/?mode=trending"],
  ["featured", "Featured", "/featured"],
  ["discover", "Discover", "/?mode=discover"],
  ["newest", "Newest", "/?mode=newest"],
  ["all", "All", "/?mode=all"],
];

export const titleOf = (mode: Mode): string =>
  COLLECTIONS.find(([each]) => each === mode)?.[1] ?? "Gallery";

export function Modes({ home }: { home: Mode }) {
  const [path] = useLocation();
  const search = useSearch();
  const here =
    path === "/featured" ? "featured" : path === "/" ? paramsOf(search, home).mode : null;
  return (
    <nav className={css.modes} aria-label="Collections">
      {COLLECTIONS.map(([mode, label, href]) => (
        <Link key={mode} href={href} aria-current={mode === here ? "page" : undefined}>
          {label}
        </Link>
      ))}
    </nav>
  );
}
