// The same page with SWR.

import { Live } from "@keepwarm/live";
import { liveSWR } from "@keepwarm/live/swr";
import type { ReactNode } from "react";
import useSWR, { mutate, SWRConfig } from "swr";
import { address, hold, Items, json, Value } from "./parts.tsx";

const live = new Live("/live");
const swr = liveSWR(live);

const load = ([, id]: readonly [string, string]) => json(live.fetch(address(id)));

function Shown({ id }: { readonly id: string }): ReactNode {
  const { data } = useSWR(["item", id] as const, load);
  return <Value id={id} value={data?.value} />;
}

export function page(): ReactNode {
  window.state = live.state;
  live.onState((state) => {
    window.state = state;
  });
  window.refetch = (id) => {
    hold(id);
    return mutate(["item", id]);
  };
  return (
    <SWRConfig value={{ use: [swr.middleware], revalidateOnFocus: false, dedupingInterval: 0 }}>
      <Items Shown={Shown} prefetch={(id) => void swr.preload(["item", id] as const, load)} />
    </SWRConfig>
  );
}
