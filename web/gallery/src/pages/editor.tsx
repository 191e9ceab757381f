import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Link, useLocation } from "wouter";
import { queries } from "../api/queries";
import { explained } from "../api/refused";
import type { Character, CharacterInput } from "../api/types";
import { useCreate, useEdit } from "../api/writes";
import forms from "../ui/forms.module.css";
import { say } from "../ui/said";
import { Failed, Refusal } from "../ui/states";
import { useTitle } from "../ui/title";

const BLANK: CharacterInput = { name: "", description: "", attributes: {}, tags: [] };

export function Create() {
  const [, go] = useLocation();
  const create = useCreate();
  useTitle("Create a character");
  return (
    <Editor
      title="Create a character"
      verb="Create"
      before={BLANK}
      isPending={create.isPending}
      error={create.error}
      back="/mine"
      onSave={(input) =>
        create.mutate(input, {
          onSuccess: (made) => {
            say(`Created ${made.name}.`);
            go(`/characters/${made.id}`);
          },
        })
      }
    />
  );
}

export function Edit({ id }: { id: number }) {
  const found = useQuery(queries.character(id));
  useTitle(found.data && `Edit ${found.data.name}`);
  if (found.isError) return <Failed error={found.error} again={() => found.refetch()} />;
  if (!found.data) return <p role="status">Fetching the character …</p>;
  if (!found.data.can_edit) return <NotYours found={found.data} />;
  return <Change found={found.data} />;
}

function NotYours({ found }: { found: Character }) {
  return (
    <div className={forms.narrow}>
      <h1>Not yours to change</h1>
      <p>{`Only ${found.creator} or an administrator can edit ${found.name}.`}</p>
      <p>
        <Link className="button" href={`/characters/${found.id}`}>
          Back to the character
        </Link>
      </p>
    </div>
  );
}

function Change({ found }: { found: Character }) {
  const [, go] = useLocation();
  const client = useQueryClient();
  const edit = useEdit(found.id);
  // What the form began with. A newer version that arrives meanwhile must not overwrite what
  // is being typed; that somebody changed it is told when it is saved.
  const [before, setBefore] = useState(found);
  const [wanted, setWanted] = useState<CharacterInput | null>(null);
  const shown = `/characters/${found.id}`;
  const isConflict = explained(edit.error).code === "version_conflict";

  const save = (input: CharacterInput, version: number) => {
    setWanted(input);
    edit.mutate(
      { ...input, version },
      {
        onSuccess: (made) => {
          say(`Saved ${made.name}.`);
          go(shown);
        },
      },
    );
  };
  const newest = () => client.query({ ...queries.character(found.id), staleTime: 0 });

  return (
    <Editor
      key={before.version}
      title={`Edit ${before.name}`}
      verb="Save"
      before={before}
      isPending={edit.isPending}
      error={isConflict ? null : edit.error}
      back={shown}
      onSave={(input) => save(input, before.version)}
    >
      {isConflict && wanted && (
        <div className="notice" role="alert">
          <p>Somebody else changed this character while you were writing.</p>
          <p className={forms.ends}>
            <button
              type="button"
              onClick={async () => {
                setBefore(await newest());
                edit.reset();
              }}
            >
              Take theirs
            </button>
            <button
              type="button"
              className="primary"
              onClick={async () => save(wanted, (await newest()).version)}
            >
              Save mine over it
            </button>
          </p>
        </div>
      )}
    </Editor>
  );
}

interface EditorProps {
  title: string;
  verb: string;
  before: CharacterInput;
  isPending: boolean;
  error: unknown;
  back: string;
  onSave: (input: CharacterInput) => void;
  children?: React.ReactNode;
}

function Editor({ title, verb, before, isPending, error, back, onSave, children }: EditorProps) {
  const words = useQuery(queries.words());
  const facets = useQuery(queries.facets());
  const known = words.data?.attributes ?? {};

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    onSave(inputOf(new FormData(event.currentTarget), before, Object.keys(known)));
  }

  return (
    <form className={forms.form} onSubmit={submit}>
      <h1>{title}</h1>
      <label>
        <span>Name {MUST}</span>
        <input
          name="name"
          required
          maxLength={120}
          defaultValue={before.name}
          onInput={refuseBlank}
          autoComplete="off"
        />
      </label>
      <label>
        <span>Story {MUST}</span>
        <textarea
          name="description"
          required
          maxLength={4000}
          rows={7}
          defaultValue={before.description}
          onInput={refuseBlank}
        />
      </label>
      <label>
        Tags
        <input
          name="tags"
          defaultValue={before.tags.join(", ")}
          list="known-tags"
          autoComplete="off"
        />
        <small>Up to 12, separated by commas</small>
        <datalist id="known-tags">
          {facets.data?.tags.map((tag) => (
            <option key={tag} value={tag} />
          ))}
        </datalist>
      </label>
      <fieldset>
        <legend>Portrait</legend>
        <p>It is painted from these. Choose a species; chance decides what else you leave open.</p>
        <div className={`${forms.grid} ${forms.words}`}>
          {Object.entries(known).map(([name, choices]) => (
            <label key={name}>
              <span>
                {labelled(name)} {name === REQUIRED && MUST}
              </span>
              <select
                name={`attribute:${name}`}
                required={name === REQUIRED}
                defaultValue={before.attributes[name] ?? ""}
              >
                <option value="">{name === REQUIRED ? "choose one" : "as it comes"}</option>
                {withOwn(before.attributes[name], choices).map((each) => (
                  <option key={each} value={each}>
                    {each}
                  </option>
                ))}
              </select>
            </label>
          ))}
        </div>
      </fieldset>
      {children}
      <Refusal error={error} />
      <p className={forms.ends}>
        <Link className="button" href={back}>
          Cancel
        </Link>
        <button type="submit" className="primary" disabled={isPending}>
          {verb}
        </button>
      </p>
    </form>
  );
}

/** Lists are narrowed by it, so everybody has one. */
const REQUIRED = "species";

const MUST = <small>required</small>;

/** What holds nothing but spaces is empty to the server, too. */
function refuseBlank({ currentTarget }: FormEvent<HTMLInputElement | HTMLTextAreaElement>) {
  const isBlank = currentTarget.value !== "" && currentTarget.value.trim() === "";
  currentTarget.setCustomValidity(isBlank ? "Spaces alone say nothing." : "");
}

const labelled = (name: string): string => {
  const words = name.replaceAll("_", " ").replace("hue", "colour");
  return words.charAt(0).toUpperCase() + words.slice(1);
};

function withOwn(own: string | undefined, choices: string[]): string[] {
  return own && !choices.includes(own) ? [own, ...choices] : choices;
}

/** What the form says. Attributes that it has no field for stay as they were. */
export function inputOf(
  given: FormData,
  before: CharacterInput,
  offered: readonly string[],
): CharacterInput {
  const attributes = { ...before.attributes };
  for (const name of offered) {
    const value = String(given.get(`attribute:${name}`) ?? "");
    if (value) attributes[name] = value;
    else delete attributes[name];
  }
  const tags = String(given.get("tags")).split(",");
  return {
    name: String(given.get("name")).trim(),
    description: String(given.get("description")).trim(),
    attributes,
    tags: [...new Set(tags.map((tag) => tag.trim()).filter(Boolean))],
  };
}
