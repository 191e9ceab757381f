import { useQuery } from "@tanstack/react-query";
import { type ChangeEvent, useEffect, useState } from "react";
import { Link, useLocation } from "wouter";
import { call } from "../api/client";
import { characterPath, queries } from "../api/queries";
import { explained } from "../api/refused";
import { useSpeedOf } from "../api/speed";
import type { Character as Found, User } from "../api/types";
import { useLike, useRemove, useUpload, withLike } from "../api/writes";
import { Cards } from "../cards/cards";
import { LARGE_SIZES } from "../cards/peek";
import { Portrait } from "../cards/portrait";
import { count, plural } from "../cards/words";
import { Confirm } from "../ui/confirm";
import { say } from "../ui/said";
import { CAME_FROM_THERE } from "../ui/search";
import { Failed, Refusal } from "../ui/states";
import { useTitle } from "../ui/title";
import css from "./character.module.css";
import { Images } from "./images";

/** Everything about one character, and what its reader may do with it. */
export function Character({ id, user }: { id: number; user: User | null }) {
  const remove = useRemove(id);
  // What is being deleted is not fetched again, however loudly its end is told.
  const enabled = remove.isIdle || remove.isError;
  const found = useQuery({ ...queries.character(id), enabled });
  useTitle(found.data?.name);
  useCountedView(found.data?.id);
  useSpeedOf(characterPath(id));
  const isGone = found.isError && explained(found.error).status === 404;
  // What could not be fetched again stays; what somebody else has deleted does not.
  if (found.data && !isGone) return <Shown found={found.data} user={user} remove={remove} />;
  if (found.isError) return <Failed error={found.error} again={() => found.refetch()} />;
  return <Waiting />;
}

/** A view that is not counted harms nobody, so nobody is told of it. */
function useCountedView(id: number | undefined): void {
  useEffect(() => {
    if (id === undefined) return; // nothing to see yet, or any more
    call(`/api/characters/${id}/view`, { method: "POST" }).catch(() => {});
  }, [id]);
}

interface ShownProps {
  found: Found;
  user: User | null;
  remove: ReturnType<typeof useRemove>;
}

function Shown({ found, user, remove }: ShownProps) {
  const enabled = remove.isIdle || remove.isError;
  const images = useQuery({ ...queries.imagesOf(found.id), enabled });
  const similar = useQuery({ ...queries.similar(found.id), enabled });
  const of = { kind: "portrait", id: found.id, digest: found.picture } as const;
  return (
    <>
      <article className={css.character}>
        <div className={css.portrait}>
          <Portrait
            of={of}
            sizes={LARGE_SIZES}
            alt={`Portrait of ${found.name}`}
            tones={found.tones}
            isFirst
          />
        </div>
        <div>
          <h1>{found.name}</h1>
          <p className={css.by}>
            {"by "}
            <Link href={`/?mode=newest&creator=${encodeURIComponent(found.creator)}`}>
              {found.creator}
            </Link>
          </p>
          <Doing found={found} user={user} remove={remove} />
          <p className={css.story}>{found.description}</p>
          <ul className={css.tags} aria-label="Tags">
            {found.tags.map((tag) => (
              <li key={tag}>
                <Link href={`/?mode=all&tag=${encodeURIComponent(tag)}`}>{tag}</Link>
              </li>
            ))}
          </ul>
          <Facts found={found} />
        </div>
      </article>
      {images.data && images.data.items.length > 0 && (
        <section className={css.more}>
          <h2>Images</h2>
          <Images images={images.data.items} user={user} of={found.name} />
        </section>
      )}
      {similar.data && similar.data.items.length > 0 && (
        <section className={css.more}>
          <h2>Similar characters</h2>
          <Cards cards={similar.data.items} isRow />
        </section>
      )}
    </>
  );
}

function Facts({ found }: { found: Found }) {
  const since = new Date(found.created_at).toLocaleDateString("en", {
    dateStyle: "long",
    timeZone: "UTC", // as the server writes it
  });
  const facts = Object.entries(found.attributes);
  return (
    <>
      {facts.length > 0 && (
        <dl className={css.facts}>
          {facts.map(([name, value]) => (
            <div key={name}>
              <dt>{name.replaceAll("_", " ")}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      )}
      <p className={css.by}>{`${plural(found.view_count, "view")} since ${since}`}</p>
    </>
  );
}

function Doing({ found, user, remove }: ShownProps) {
  const [isLeaving, setLeaving] = useState(false);
  return (
    <div className={css.doing}>
      <Like found={found} user={user} />
      {user && <AddImage id={found.id} username={user.username} />}
      {found.can_edit && (
        <>
          <Link className="button" href={`/characters/${found.id}/edit`}>
            Edit
          </Link>
          <button type="button" className="danger" onClick={() => setLeaving(true)}>
            Delete
          </button>
        </>
      )}
      {isLeaving && <Removal found={found} remove={remove} onClose={() => setLeaving(false)} />}
    </div>
  );
}

function Like({ found: known, user }: { found: Found; user: User | null }) {
  const like = useLike(known.id);
  // At once, whatever else is told meanwhile; and as it was if the server does not agree.
  const found = like.isPending ? withLike(known, like.variables) : known;
  const liked = found.liked === true;
  const label = (
    <>
      <span aria-hidden="true">{liked ? "♥ " : "♡ "}</span>
      {liked ? "Liked" : "Like"}
      <span className={css.count}>
        {count(found.like_count)}
        <span className="unseen">{found.like_count === 1 ? " like" : " likes"}</span>
      </span>
    </>
  );
  if (!user) {
    return (
      <Link
        className="button"
        href={`/sign-in?next=${encodeURIComponent(`/characters/${found.id}`)}&for=like`}
        state={CAME_FROM_THERE}
      >
        {label}
      </Link>
    );
  }
  return (
    <>
      <button
        type="button"
        aria-pressed={liked}
        onClick={() => {
          if (!like.isPending) like.mutate(!liked);
        }}
      >
        {label}
      </button>
      <div className={css.refusal}>
        <Refusal error={like.error} />
      </div>
    </>
  );
}

function AddImage({ id, username }: { id: number; username: string }) {
  const upload = useUpload(username);
  const choose = (event: ChangeEvent<HTMLInputElement>) => {
    const [file] = event.target.files ?? [];
    event.target.value = ""; // so that the same file can be chosen again
    if (file) {
      upload.mutate({ file, characterId: id }, { onSuccess: () => say("Added the image.") });
    }
  };
  return (
    <>
      <label className="button fileButton">
        {upload.isPending ? "Uploading …" : "Add an image"}
        <input
          type="file"
          accept="image/webp,image/png,image/jpeg"
          onChange={choose}
          disabled={upload.isPending}
        />
      </label>
      <div className={css.refusal}>
        <Refusal error={upload.error} />
      </div>
    </>
  );
}

interface RemovalProps extends Omit<ShownProps, "user"> {
  onClose: () => void;
}

function Removal({ found, remove, onClose }: RemovalProps) {
  const [, go] = useLocation();
  const gone = () => {
    say(`Deleted ${found.name}.`);
    go("/mine");
  };
  return (
    <Confirm
      title={`Delete ${found.name}?`}
      verb="Delete for good"
      isPending={remove.isPending}
      error={remove.error}
      onClose={onClose}
      onConfirm={() => remove.mutate(undefined, { onSuccess: gone })}
    >
      <p>The character goes with its likes and images. This cannot be undone.</p>
    </Confirm>
  );
}

function Waiting() {
  return (
    <div className={css.character} role="status">
      <div className={css.portrait}>
        <div className={css.frame} />
      </div>
      <p className={css.by}>Fetching the character …</p>
    </div>
  );
}
