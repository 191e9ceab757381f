import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { queries } from "../api/queries";
import { type Preferences as Kept, MODES, type Mode } from "../api/types";
import { usePreferencesChange } from "../api/writes";
import { titleOf } from "../shell/modes";
import forms from "../ui/forms.module.css";
import { Failed, Refusal } from "../ui/states";
import { useTitle } from "../ui/title";
import css from "./preferences.module.css";

/** How much of a tag somebody wants; the API has weights from 0 to 5 and a list to hide. */
const WANTS = { usual: "as usual", more: "more", most: "much more", none: "hide" } as const;
type Want = keyof typeof WANTS;
const WEIGHTS: Record<Exclude<Want, "none">, number> = { usual: 0, more: 2, most: 5 };

export function Preferences() {
  const kept = useQuery(queries.preferences());
  useTitle("Preferences");
  if (kept.isError) return <Failed error={kept.error} again={() => kept.refetch()} />;
  if (!kept.data) return <p role="status">Fetching your preferences …</p>;
  return <Form kept={kept.data} />;
}

function Form({ kept }: { kept: Kept }) {
  const facets = useQuery(queries.facets());
  const change = usePreferencesChange();
  const [sought, setSought] = useState("");
  const tags = facets.data?.tags ?? [];

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    change.mutate(wantedOf(new FormData(event.currentTarget), tags));
  }

  return (
    // What is typed makes "Saved" untrue.
    <form className={forms.form} onSubmit={submit} onChange={() => change.reset()}>
      <h1>Preferences</h1>
      <div className={forms.grid}>
        <label>
          Open Gallery with
          <select name="sort" defaultValue={kept.sort}>
            {MODES.map((mode) => (
              <option key={mode} value={mode}>
                {titleOf(mode)}
              </option>
            ))}
          </select>
        </label>
        <label>
          Favourite species
          <select name="favourite_species" defaultValue={kept.favourite_species ?? ""}>
            <option value="">none</option>
            {facets.data?.species.map((each) => (
              <option key={each} value={each}>
                {each}
              </option>
            ))}
          </select>
        </label>
      </div>
      <fieldset>
        <legend>Tags</legend>
        <p>They shape what is featured for you, and what you discover.</p>
        <input
          type="search"
          value={sought}
          onChange={(event) => setSought(event.target.value)}
          placeholder="Find a tag"
          aria-label="Find a tag"
        />
        <div className={`${forms.grid} ${css.tags}`}>
          {tags.map((tag) => (
            <label key={tag} hidden={!tag.includes(sought.trim().toLowerCase())}>
              {tag}
              <select name={`tag:${tag}`} defaultValue={wantOf(kept, tag)}>
                {Object.entries(WANTS).map(([want, label]) => (
                  <option key={want} value={want}>
                    {label}
                  </option>
                ))}
              </select>
            </label>
          ))}
        </div>
      </fieldset>
      <Refusal error={change.error} />
      <div className={css.save}>
        <p className="unseen" role="status">
          {change.isSuccess ? "Saved. What is featured follows at once." : ""}
        </p>
        <button type="submit" className="primary" disabled={change.isPending || !facets.data}>
          {change.isSuccess ? "Saved ✓" : "Save"}
        </button>
      </div>
    </form>
  );
}

export function wantOf(kept: Kept, tag: string): Want {
  if (kept.hidden_tags.includes(tag)) return "none";
  const weight = kept.tag_weights[tag] ?? 0;
  if (weight >= 4) return "most";
  return weight > 0 ? "more" : "usual";
}

export function wantedOf(given: FormData, tags: readonly string[]): Kept {
  const wants = tags.map((tag) => [tag, String(given.get(`tag:${tag}`)) as Want] as const);
  return {
    sort: String(given.get("sort")) as Mode,
    favourite_species: String(given.get("favourite_species")) || null,
    hidden_tags: wants.filter(([, want]) => want === "none").map(([tag]) => tag),
    tag_weights: Object.fromEntries(
      wants.flatMap(([tag, want]) =>
        want === "more" || want === "most" ? [[tag, WEIGHTS[want]]] : [],
      ),
    ),
  };
}
