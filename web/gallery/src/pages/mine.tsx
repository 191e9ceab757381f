import { useQuery } from "@tanstack/react-query";
import { type DragEvent, useState } from "react";
import { Link } from "wouter";
import { imagesPath, queries } from "../api/queries";
import { useSpeedOf } from "../api/speed";
import type { User } from "../api/types";
import { useUpload } from "../api/writes";
import { Cards } from "../cards/cards";
import cards from "../cards/cards.module.css";
import { Empty, Failed, Refusal, WaitingCards } from "../ui/states";
import { useTitle } from "../ui/title";
import { Images } from "./images";
import css from "./mine.module.css";

/** What its reader has made: characters and images. */
export function Mine({ user }: { user: User }) {
  useTitle("My gallery");
  const characters = useQuery(queries.list({ mode: "newest", page: 0, creator: user.username }));
  useQuery(queries.imagesBy(user.username)); // both at once
  useSpeedOf(imagesPath(user.username));
  return (
    <>
      <div className={css.head}>
        <h1>My gallery</h1>
        <Link className="button primary" href="/new">
          Create a character
        </Link>
      </div>
      <Characters user={user} />
      {/* Only when it is known how much stands above: nothing that is read moves. */}
      {!characters.isPending && <Pictures user={user} />}
    </>
  );
}

function Characters({ user }: { user: User }) {
  const found = useQuery(queries.list({ mode: "newest", page: 0, creator: user.username }));
  return (
    <section className={css.part}>
      <h2>Characters</h2>
      {found.data ? (
        found.data.items.length > 0 ? (
          <>
            <Cards cards={found.data.items} isRow />
            {found.data.has_more && (
              <p>
                <Link href={`/?mode=newest&creator=${encodeURIComponent(user.username)}`}>
                  {`All ${found.data.total} of your characters`}
                </Link>
              </p>
            )}
          </>
        ) : (
          <Empty title="No characters yet">
            <p>Give somebody a name and a story; the portrait is painted for you.</p>
          </Empty>
        )
      ) : found.isError ? (
        <Failed error={found.error} again={() => found.refetch()} />
      ) : (
        <WaitingCards count={6} className={cards.row} />
      )}
    </section>
  );
}

function Pictures({ user }: { user: User }) {
  const found = useQuery(queries.imagesBy(user.username));
  return (
    <section className={css.part}>
      <h2>Images</h2>
      <Upload username={user.username} />
      {found.data ? (
        found.data.items.length > 0 ? (
          <Images images={found.data.items} user={user} />
        ) : (
          <Empty title="No images yet">
            <p>
              Upload one above, or <Link href="/paint">have one painted</Link>.
            </p>
          </Empty>
        )
      ) : found.isError ? (
        <Failed error={found.error} again={() => found.refetch()} />
      ) : (
        <WaitingCards count={6} className={cards.row} />
      )}
    </section>
  );
}

function Upload({ username }: { username: string }) {
  const upload = useUpload(username);
  const [isOver, setOver] = useState(false);
  const send = (files: FileList | null) => {
    const [file] = files ?? [];
    if (file && !upload.isPending) upload.mutate({ file });
  };
  const over = (is: boolean) => (event: DragEvent) => {
    event.preventDefault();
    setOver(is);
  };
  return (
    <div className={css.upload}>
      {/* Dropping is a second way for those who can; the field itself does for everybody. */}
      <label
        className={css.drop}
        data-over={isOver}
        onDragOver={over(true)}
        onDragLeave={over(false)}
        onDrop={(event) => {
          over(false)(event);
          send(event.dataTransfer.files);
        }}
      >
        <span>{upload.isPending ? "Uploading …" : "Upload an image"}</span>
        <small>JPEG, PNG or WebP, up to 10 MB. Choose one or drop it here.</small>
        <input
          type="file"
          accept="image/webp,image/png,image/jpeg"
          disabled={upload.isPending}
          onChange={(event) => {
            send(event.target.files);
            event.target.value = "";
          }}
        />
      </label>
      <p className="unseen" role="status">
        {upload.isSuccess ? "The image is in your gallery." : ""}
      </p>
      <Refusal error={upload.error} />
    </div>
  );
}
