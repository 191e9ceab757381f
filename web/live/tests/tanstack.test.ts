import {
  InfiniteQueryObserver,
  QueryClient,
  type QueryKey,
  QueryObserver,
} from "@tanstack/query-core";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Live } from "../src/live.ts";
import { parseMessage } from "../src/messages.ts";
import { liveQueries } from "../src/tanstack.ts";
import type { Listener } from "../src/transports.ts";

/** A server of counters: each has a value and one tag, and an answer may be held back. */
class Server {
  position = 10;
  readonly values = new Map<string, number>();
  readonly asked: string[] = [];
  gate: Promise<void> | undefined;
  private to: Listener | undefined;

  readonly transport = (_base: string, _cursor: string | undefined, to: Listener) => {
    this.to = to;
    this.say({ seq: this.seq, beat: true });
    return () => {};
  };

  get seq(): string {
    return `i.${this.position}.m`;
  }

  readonly fetch = async (input: RequestInfo | URL): Promise<Response> => {
    const name = new URL(new Request(input).url).pathname.slice(1);
    this.asked.push(name);
    // Read now; on its way for as long as the gate is closed.
    const [value, position] = [this.values.get(name) ?? 0, this.seq];
    await this.gate;
    const headers = { "Keepwarm-Position": position, "Keepwarm-Tags": name };
    return Response.json(value, { headers });
  };

  write(name: string, value: number): void {
    this.values.set(name, value);
    this.position += 1;
    this.say({ seq: this.seq, tags: [name] });
  }

  say(value: unknown): void {
    const message = parseMessage(value);
    if (message) this.to?.heard(message);
  }
}

let server: Server;
let live: Live;
let client: QueryClient;
const forgotten: QueryKey[] = [];

beforeEach(() => {
  vi.useFakeTimers();
  server = new Server();
  live = new Live("http://here/live", {
    fetch: server.fetch,
    transports: [server.transport],
    shareBetweenTabs: false,
  });
  client = new QueryClient({
    defaultOptions: { queries: { staleTime: Number.POSITIVE_INFINITY, retry: false } },
  });
  forgotten.length = 0;
});

afterEach(() => {
  live.close();
  client.clear();
  vi.useRealTimers();
});

const connect = () => liveQueries(live, client, { onUntold: (key) => forgotten.push(key) });
const load = async (name: string): Promise<number> =>
  (await live.fetch(`http://here/${name}`)).json() as Promise<number>;
const options = (name: string) => ({ queryKey: [name], queryFn: () => load(name) });

/** A mounted component. */
function mount(name: string): { readonly shown: () => unknown; readonly unmount: () => void } {
  const observer = new QueryObserver(client, options(name));
  const unmount = observer.subscribe(() => {});
  return { shown: () => observer.getCurrentResult().data, unmount };
}

const settle = () => vi.advanceTimersByTimeAsync(100);

function hold(): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.gate = promise;
  return () => {
    server.gate = undefined;
    resolve();
  };
}

test("what is shown follows a write, and an unrelated tag asks for nothing", async () => {
  connect();
  const page = mount("x");
  await settle();
  server.write("y", 1);
  await settle();
  expect(server.asked).toEqual(["x"]);
  server.write("x", 7);
  await settle();
  expect(page.shown()).toBe(7);
  expect(server.asked).toEqual(["x", "x"]);
});

describe("an invalidation that overtakes the answer", () => {
  test("of a first load: the answer is fetched again", async () => {
    connect();
    const release = hold();
    const page = mount("x");
    await settle();
    server.write("x", 7);
    release();
    await settle();
    expect(page.shown()).toBe(7);
  });

  test("is lost by TanStack Query alone, which is what all this is for", async () => {
    live.onChange(() => client.invalidateQueries({ queryKey: ["x"] }));
    const release = hold();
    const page = mount("x");
    await settle();
    server.write("x", 7);
    release();
    await settle();
    expect(page.shown()).toBe(0);
    expect(client.getQueryState(["x"])?.isInvalidated).toBe(false);
  });

  test("of a prefetch: whoever mounts later does not take it for fresh", async () => {
    connect();
    const release = hold();
    client.prefetchQuery(options("x"));
    await settle();
    server.write("x", 7);
    release();
    await settle();
    expect(server.asked).toEqual(["x"]);
    const page = mount("x");
    await settle();
    expect(page.shown()).toBe(7);
  });

  test("of a background fetch: the answer is fetched again", async () => {
    connect();
    const page = mount("x");
    await settle();
    const release = hold();
    server.write("x", 7);
    await settle();
    server.write("x", 8);
    release();
    await settle();
    expect(page.shown()).toBe(8);
  });

  test("of one page of several: the whole query is fetched again", async () => {
    connect();
    const observer = new InfiniteQueryObserver(client, {
      queryKey: ["pages"],
      queryFn: ({ pageParam }) => load(`page${pageParam}`),
      initialPageParam: 0,
      getNextPageParam: (_last, all) => all.length,
    });
    observer.subscribe(() => {});
    await settle();
    await observer.fetchNextPage();
    server.write("page0", 7);
    await settle();
    expect(observer.getCurrentResult().data?.pages).toEqual([7, 0]);
  });
});

test("an answer whose request came after an await belongs to the query by its signal", async () => {
  connect();
  const observer = new QueryObserver(client, {
    queryKey: ["late"],
    queryFn: async ({ signal }) => {
      await Promise.resolve();
      return (await live.fetch("http://here/x", { signal })).json();
    },
  });
  observer.subscribe(() => {});
  mount("y");
  await settle();
  server.write("x", 7);
  await settle();
  expect(observer.getCurrentResult().data).toBe(7);
  expect(server.asked).toEqual(["y", "x", "x"]);
});

test("and without its signal to every query under way, rather than to none", async () => {
  connect();
  const observer = new QueryObserver(client, {
    queryKey: ["late"],
    queryFn: async () => {
      await Promise.resolve();
      return load("x");
    },
  });
  observer.subscribe(() => {});
  await settle();
  server.write("x", 7);
  await settle();
  expect(observer.getCurrentResult().data).toBe(7);
});

test("a query function that reads no signal is not cancelled when its page closes", async () => {
  connect();
  const release = hold();
  const page = mount("x");
  await settle();
  page.unmount();
  release();
  await settle();
  expect(client.getQueryData(["x"])).toBe(0);
});

test("a mark survives the cancelling of the fetch that it came during", async () => {
  connect();
  const observer = new QueryObserver(client, {
    queryKey: ["x"],
    queryFn: async ({ signal }) => (await live.fetch("http://here/x", { signal })).json(),
  });
  const unmount = observer.subscribe(() => {});
  await settle();
  const release = hold();
  client.refetchQueries({ queryKey: ["x"] });
  await settle();
  server.write("x", 7);
  await settle();
  unmount();
  release();
  await settle();
  expect(client.getQueryState(["x"])).toMatchObject({ data: 0, isInvalidated: true });
});

test("writing the data by hand does not make it fresh", async () => {
  connect();
  const page = mount("x");
  await settle();
  page.unmount();
  server.write("x", 7);
  client.setQueryData(["x"], 1);
  expect(client.getQueryState(["x"])?.isInvalidated).toBe(true);
});

test("data that came in the page is live from the start", async () => {
  const queries = connect();
  queries.seed(["x"], 0, server.seq, "x");
  const page = mount("x");
  await settle();
  expect(server.asked).toEqual([]);
  server.write("x", 7);
  await settle();
  expect(page.shown()).toBe(7);
});

test("a query that is written often is not starved: what is under way may end", async () => {
  connect();
  const page = mount("x");
  await settle();
  const release = hold();
  for (const value of [7, 8, 9]) {
    server.write("x", value);
    await settle();
  }
  release();
  await settle();
  expect(page.shown()).toBe(9);
  expect(server.asked).toEqual(["x", "x", "x"]);
});

test("a page of an infinite query is told apart from what else is under way", async () => {
  connect();
  const observer = new InfiniteQueryObserver(client, {
    queryKey: ["pages"],
    queryFn: async ({ pageParam, signal }) => {
      await Promise.resolve();
      return (await live.fetch(`http://here/page${pageParam}`, { signal })).json();
    },
    initialPageParam: 0,
    getNextPageParam: () => null,
  });
  observer.subscribe(() => {});
  client.prefetchQuery({
    queryKey: ["other"],
    queryFn: async ({ signal }) => {
      await Promise.resolve();
      return (await live.fetch("http://here/other", { signal })).json();
    },
  });
  await settle();
  server.write("page0", 1);
  await settle();
  expect(observer.getCurrentResult().data?.pages).toEqual([1]);
  expect(client.getQueryState(["other"])?.isInvalidated).toBe(false);
});

test("the client fetches as before: what notes the calls stores nothing", () => {
  connect();
  expect(client.defaultQueryOptions({ queryKey: ["x"] }).networkMode).toBe("online");
});

test("after it was given up, a query is tried again when something new is heard", async () => {
  connect();
  const page = mount("x");
  await settle();
  server.say({ seq: "i.99.m", tags: ["x"] });
  await vi.advanceTimersByTimeAsync(600_000);
  const asked = server.asked.length;
  server.position = 99;
  server.write("x", 7);
  await settle();
  expect(page.shown()).toBe(7);
  expect(server.asked.length).toBe(asked + 1);
});

test("a reset fetches what is shown, once", async () => {
  connect();
  const pages = [mount("x"), mount("y")];
  await settle();
  server.position = 3;
  server.values.set("x", 7);
  server.say({ seq: "j.3.m", reset: true });
  await settle();
  expect(pages.map((page) => page.shown())).toEqual([7, 0]);
  expect(server.asked).toEqual(["x", "y", "x", "y"]);
});

test("a server that never gets past the floor is asked a few times", async () => {
  connect();
  mount("x");
  await settle();
  server.say({ seq: "i.99.m", tags: ["x"] });
  await vi.advanceTimersByTimeAsync(600_000);
  expect(server.asked.length).toBeLessThan(8);
});

test("a fetch that failed is tried again, as what is shown is known to be stale", async () => {
  connect();
  const page = mount("x");
  await settle();
  server.gate = Promise.reject(new Error("away"));
  server.gate.catch(() => {});
  server.write("x", 7);
  await vi.advanceTimersByTimeAsync(1);
  server.gate = undefined;
  await vi.advanceTimersByTimeAsync(3_000);
  expect(page.shown()).toBe(7);
});

test("what was not found is asked for again when it is created", async () => {
  connect();
  const observer = new QueryObserver(client, {
    queryKey: ["x"],
    queryFn: async () => {
      const value = await load("x");
      if (value === 0) throw new Error("not found");
      return value;
    },
  });
  observer.subscribe(() => {});
  await settle();
  expect(observer.getCurrentResult().status).toBe("error");
  server.write("y", 1);
  await settle();
  expect(server.asked).toEqual(["x"]);
  server.write("x", 7);
  await settle();
  expect(observer.getCurrentResult().data).toBe(7);
});

test("a query that was fetched without live.fetch is named once, unless it is meant", async () => {
  connect();
  const plain = (queryKey: QueryKey, meta = {}) =>
    client.fetchQuery({ queryKey, queryFn: () => 1, staleTime: 0, meta });
  await plain(["plain"]);
  await plain(["plain"]);
  await plain(["meant"], { live: false });
  expect(forgotten).toEqual([["plain"]]);
});

test("a disconnected client is as it was", async () => {
  const before = client.getDefaultOptions();
  connect().disconnect();
  expect(client.getDefaultOptions()).toEqual(before);
  mount("x");
  await settle();
  server.write("x", 7);
  await settle();
  expect(server.asked).toEqual(["x"]);
});
