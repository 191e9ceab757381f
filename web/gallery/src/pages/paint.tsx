import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { Link } from "wouter";
import { queries } from "../api/queries";
import type { Job } from "../api/types";
import { useAskForPainting } from "../api/writes";
import { Portrait } from "../cards/portrait";
import forms from "../ui/forms.module.css";
import { Refusal } from "../ui/states";
import { useTitle } from "../ui/title";
import css from "./paint.module.css";

const LARGEST_SEED = 2 ** 31 - 1;
/** For where no push gets through; with it, the picture is there before this comes round. */
const LOOKS_EVERY_MS = 1000;

const anySeed = () => Math.floor(Math.random() * 1_000_000);

/** A few words become a picture; how far it is can be watched. */
export function Paint() {
  const ask = useAskForPainting();
  const [seed, setSeed] = useState(anySeed);
  useTitle("Paint a picture");

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const prompt = String(new FormData(event.currentTarget).get("prompt")).trim();
    ask.mutate({ prompt, seed });
  }

  return (
    <>
      <form className={forms.form} onSubmit={submit}>
        <h1>Paint a picture</h1>
        <label>
          What should be in it?
          <textarea
            name="prompt"
            required
            maxLength={500}
            rows={3}
            placeholder="An old elf queen with a silver crown by the winter sea"
          />
        </label>
        <label>
          Seed
          <span className={css.seed}>
            <input
              type="number"
              name="seed"
              required
              min={0}
              max={LARGEST_SEED}
              value={seed}
              onChange={(event) => setSeed(event.target.valueAsNumber || 0)}
            />
            <button type="button" onClick={() => setSeed(anySeed())}>
              Another
            </button>
          </span>
          <small>The same words and seed paint the same picture.</small>
        </label>
        <Refusal error={ask.error} />
        <p className={forms.ends}>
          <button type="submit" className="primary" disabled={ask.isPending}>
            Paint
          </button>
        </p>
      </form>
      {ask.data && <Progress key={ask.data.id} asked={ask.data} />}
    </>
  );
}

const STEPS = { queued: 0.15, running: 0.55, done: 1, failed: 1 } as const;
const SAYS = {
  queued: "Waiting for a painter …",
  running: "Being painted …",
  done: "Painted. It is in your gallery.",
  failed: "It could not be painted.",
} as const;

function Progress({ asked }: { asked: Job }) {
  const client = useQueryClient();
  const found = useQuery({
    ...queries.job(asked.id),
    initialData: asked,
    initialDataUpdatedAt: 0,
    refetchInterval: ({ state }) => (isOver(state.data) ? false : LOOKS_EVERY_MS),
  });
  const job = found.data;
  const result = useQuery({ ...queries.result(asked.id), enabled: job.status === "done" });
  useEffect(() => {
    if (job.status === "done") void client.invalidateQueries({ queryKey: ["images"] });
  }, [client, job.status]);
  const image = result.data?.image;
  const place = useRef<HTMLElement>(null);
  const isShown = image !== undefined;
  useEffect(() => {
    if (isShown) place.current?.scrollIntoView({ block: "nearest" });
  }, [isShown]);
  return (
    <section ref={place} className={css.progress} aria-label="Your picture">
      <p role="status">{SAYS[job.status]}</p>
      {!isOver(job) && <progress value={STEPS[job.status]} aria-label="How far it is" />}
      {job.status === "failed" && <p>{`${job.error ?? "Nobody knows why."} Ask once more.`}</p>}
      {image && (
        <>
          <Portrait
            of={{ kind: "image", id: image.id, digest: image.digest }}
            sizes="(min-width: 44rem) 40rem, calc(100vw - 2rem)"
            alt={job.prompt}
            isFirst
          />
          <p>
            <Link href="/mine">See it in your gallery</Link>
          </p>
        </>
      )}
      <Refusal error={found.error ?? result.error} />
    </section>
  );
}

const isOver = (job: Job | undefined): boolean =>
  job?.status === "done" || job?.status === "failed";
