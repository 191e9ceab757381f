import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { type ChangeEvent, useEffect } from "react";
import { Link, useLocation } from "wouter";
import { type ListParams, listPath, PAGE_SIZE, paramsOf, wallAddress } from "../api/params";
import { queries } from "../api/queries";
import { useSpeedOf } from "../api/speed";
import type { Mode, Page } from "../api/types";
import { Cards } from "../cards/cards";
import cards from "../cards/cards.module.css";
import { plural } from "../cards/words";
import { titleOf } from "../shell/modes";
import { useSearch } from "../ui/search";
import { Empty, Failed, WaitingCards } from "../ui/states";
import { useTitle } from "../ui/title";
import css from "./wall.module.css";

/** The wall: one page of a list, which the address alone describes. */
export function Wall({ home }: { home: Mode }) {
  const search = useSearch();
  const params = paramsOf(search, home);
  const found = useQuery({ ...queries.list(params), placeholderData: keepPreviousData });
  const title = params.q ? `“${params.q}”` : titleOf(params.mode);
  useTitle(title);
  useNextPage(params, found.data, found.isPlaceholderData);
  useSpeedOf(listPath(params));
  return (
    <>
      <div className={css.bar}>
        <h1>{title}</h1>
        <p className={css.total}>{found.data ? plural(found.data.total, "character") : "…"}</p>
        <Narrowed params={params} search={search} />
        <Filters params={params} search={search} />
      </div>
      {found.data ? (
        <div className={css.found} aria-busy={found.isPlaceholderData}>
          {found.data.items.length > 0 ? (
            <Cards cards={found.data.items} />
          ) : (
            <Nobody params={params} search={search} />
          )}
          <Pages page={params.page} total={found.data.total} search={search} />
        </div>
      ) : found.isError ? (
        <Failed error={found.error} again={() => found.refetch()} />
      ) : (
        <WaitingCards count={PAGE_SIZE} className={cards.wall} />
      )}
    </>
  );
}

/** The page after this one is fetched once this one is there and the browser idle. */
function useNextPage(params: ListParams, now: Page | undefined, isOld: boolean): void {
  const client = useQueryClient();
  const wants = now?.has_more === true && !isOld;
  const next = JSON.stringify({ ...params, page: params.page + 1 });
  useEffect(() => {
    if (!wants) return;
    return whenIdle(() => {
      client.query(queries.list(JSON.parse(next) as ListParams)).catch(() => {});
    });
  }, [client, wants, next]);
}

/** Safari has no requestIdleCallback; there, a moment later. Returns what takes it back. */
function whenIdle(work: () => void): () => void {
  if (typeof requestIdleCallback === "function") {
    const asked = requestIdleCallback(work, { timeout: 3000 });
    return () => cancelIdleCallback(asked);
  }
  const asked = setTimeout(work, 500);
  return () => clearTimeout(asked);
}

interface Here {
  params: ListParams;
  search: string;
}

/** What the list is narrowed to besides the choices below, each with the way back. */
function Narrowed({ params, search }: Here) {
  const isPart = params.q && params.mode !== "all";
  const parts = [
    ["q", params.q && `“${params.q}”`, null],
    ["mode", isPart && `Only in ${titleOf(params.mode)}`, "all"],
    ["creator", params.creator && `By ${params.creator}`, null],
  ] as const;
  return parts.map(
    ([name, label, without]) =>
      label && (
        <Link
          key={name}
          className="button"
          href={wallAddress(search, { [name]: without, page: null })}
          aria-label={`${label}: show without`}
        >
          {`${label} ×`}
        </Link>
      ),
  );
}

function Filters({ params, search }: Here) {
  const [, go] = useLocation();
  const facets = useQuery(queries.facets());
  const change = (event: ChangeEvent<HTMLSelectElement>) =>
    go(wallAddress(search, { [event.target.name]: event.target.value, page: null }));
  const select = (name: "species" | "tag", any: string, options: string[] | undefined) => (
    <select name={name} aria-label={any} value={params[name] ?? ""} onChange={change}>
      <option value="">{any}</option>
      {withChosen(params[name], options).map((each) => (
        <option key={each} value={each}>
          {each}
        </option>
      ))}
    </select>
  );
  return (
    <div className={css.filters}>
      {select("species", "Any species", facets.data?.species)}
      {select("tag", "Any tag", facets.data?.tags)}
      {(params.species || params.tag) && (
        <Link
          className="button quiet"
          href={wallAddress(search, { species: null, tag: null, page: null })}
        >
          Clear
        </Link>
      )}
    </div>
  );
}

/** What is chosen can always be seen to be, even if nobody has it any more. */
function withChosen(chosen: string | undefined, options: string[] = []): string[] {
  return chosen && !options.includes(chosen) ? [chosen, ...options] : options;
}

function Nobody({ params, search }: Here) {
  const isPast = params.page > 0;
  return (
    <Empty title={isPast ? "The list ends before this page" : "Nobody by that description"}>
      <p>{isPast ? "Somebody may have been removed." : "Try fewer words or filters."}</p>
      <p>
        <Link
          className="button"
          href={isPast ? wallAddress(search, { page: null }) : `/?mode=${params.mode}`}
        >
          {isPast ? "To the first page" : "Show everybody"}
        </Link>
      </p>
    </Empty>
  );
}

function Pages({ page, total, search }: { page: number; total: number; search: string }) {
  const pages = Math.ceil(total / PAGE_SIZE);
  if (pages <= 1) return null;
  const turn = (label: string, to: number, rel: string) =>
    to >= 0 && to < pages ? (
      <Link className="button" rel={rel} href={wallAddress(search, { page: to })}>
        {label}
      </Link>
    ) : (
      <span className={css.noPage} aria-hidden="true">
        {label}
      </span>
    );
  return (
    <nav className={css.pages} aria-label="Pages">
      {turn("Previous", page - 1, "prev")}
      <span>{`Page ${(page + 1).toLocaleString("en")} of ${pages.toLocaleString("en")}`}</span>
      {turn("Next", page + 1, "next")}
    </nav>
  );
}
