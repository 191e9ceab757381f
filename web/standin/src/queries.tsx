// TanStack Query, in two variants that differ in how they hear of invalidations, and in no more.

import { Live } from "@keepwarm/live";
import { liveQueries } from "@keepwarm/live/tanstack";
import { QueryClient, QueryClientProvider, useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { address, hold, Items, json, timing, Value } from "./parts.tsx";

const client = new QueryClient({
  defaultOptions: {
    // What is fresh is not fetched again, for as long as any test lasts.
    queries: { staleTime: 10 * 60_000, retryDelay: 200, refetchOnWindowFocus: false },
  },
});

let fetching: typeof fetch = (...given) => fetch(...given);

/**
 * As it is written without a library: a socket whose messages invalidate. Everything, each
 * time, which is more than the usual pattern does and misses no query for want of a name.
 */
function naive(): void {
  const listen = (isAgain: boolean): void => {
    const socket = new WebSocket(new URL("/live/ws", location.href.replace("http", "ws")));
    socket.onopen = () => {
      window.state = "open";
      if (isAgain) client.invalidateQueries();
    };
    socket.onmessage = ({ data }) => {
      if (!JSON.parse(data).beat) client.invalidateQueries();
    };
    socket.onclose = () => setTimeout(listen, 300, true);
  };
  listen(false);
}

function ours(): void {
  const live = new Live("/live", { timing });
  window.state = live.state;
  live.onState((state) => {
    window.state = state;
  });
  window.reconnect = () => live.reconnect();
  liveQueries(live, client);
  fetching = live.fetch;
}

const options = (id: string) => ({
  queryKey: ["item", id],
  queryFn: () => json(fetching(address(id))),
});

function Shown({ id }: { readonly id: string }): ReactNode {
  const { data } = useQuery(options(id));
  return <Value id={id} value={data?.value} />;
}

export function page(variant: string): ReactNode {
  if (variant === "naive") naive();
  else ours();
  window.refetch = (id) => {
    hold(id);
    return client.refetchQueries({ queryKey: ["item", id] });
  };
  window.write = (id, value) => fetching(address(id), { method: "PUT", body: String(value) });
  return (
    <QueryClientProvider client={client}>
      <Items Shown={Shown} prefetch={(id) => void client.prefetchQuery(options(id))} />
    </QueryClientProvider>
  );
}
