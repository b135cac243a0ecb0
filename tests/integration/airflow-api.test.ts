import { IncomingMessage, Server, createServer } from "node:http";
import type { Duplex } from "node:stream";
import { AddressInfo, connect, createServer as createTcpServer } from "node:net";
import { AirflowApi, NoAnswer, persistently, withAirflow } from "../../provision/api/airflow-api";
import { UserError } from "../../provision/base/errors";
import { networkInterfaces } from "node:os";
import type { Host } from "../../provision/link/host";
import { LinkLost, NothingListens } from "../../provision/link/ssh-errors";
import { openTunnel } from "../../provision/link/tunnel";
import { until } from "../support/capture";

/** An HTTP server that answers as Airflow does; `connect` of the host leads to it. */
let server: Server;
let seen: string[];
let tokens: number;
let items: string[];
let answer: (request: IncomingMessage) => [status: number, body: unknown] | undefined;

beforeEach(async () => {
  [seen, tokens, items, answer] = [[], 0, [], () => undefined];
  server = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => (text += chunk.toString()));
    request.on("end", () => {
      const url = new URL(request.url!, "http://x");
      seen.push(`${request.method} ${request.url} ${text}`.trim());
      const own = answer(request);
      const send = (status: number, body: unknown): void => {
        response.writeHead(status).end(typeof body === "string" ? body : JSON.stringify(body));
      };
      if (own) return send(...own);
      if (url.pathname === "/auth/token") {
        if (!text.includes("right")) return send(401, { detail: "Invalid credentials" });
        return send(201, { access_token: `token-${++tokens}` });
      }
      if (request.headers.authorization !== `Bearer token-${tokens}`) return send(401, { detail: "no" });
      const [limit, offset] = ["limit", "offset"].map((name) => Number(url.searchParams.get(name)));
      send(200, { items: items.slice(offset, offset! + Math.min(limit!, 100)), total_entries: items.length });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(() => void server.close());

const portOf = (server: { address(): unknown }): number => (server.address() as AddressInfo).port;
const host = (more: Partial<Host> = {}): Host => ({
  name: "ubuntu@host:22",
  run: () => Promise.reject(new Error("no command is expected")),
  connect: async () => connect(portOf(server), "127.0.0.1"),
  reconnect: async () => undefined,
  ...more,
});
const ask = <T>(use: (airflow: AirflowApi) => Promise<T>, password = "right"): Promise<T> =>
  withAirflow(host(), password, use);

test("it logs in once, whatever is asked side by side", async () => {
  await ask((airflow) => Promise.all([1, 2, 3, 4, 5, 6].map((i) => airflow.get(`/x/${i}`))));
  expect(seen.filter((line) => line.startsWith("POST /auth/token"))).toHaveLength(1);
});

test("a token that has expired is replaced by a new one", async () => {
  await ask(async (airflow) => {
    await airflow.get("/x");
    tokens = 7;
    await airflow.get("/y");
  });
  expect(tokens).toBe(8);
});

test("lists come whole, in pages of 100", async () => {
  items = Array.from({ length: 250 }, (_, i) => String(i));
  expect(await ask((airflow) => airflow.list("/items?a=b", "items"))).toEqual(items);
  expect(seen.slice(1)).toEqual([0, 100, 200].map((offset) => `GET /api/v2/items?a=b&limit=100&offset=${offset}`));
});

test("a wrong password is said to be one, without the password", async () => {
  const error = await ask((airflow) => airflow.get("/x"), "hunter2hunter2").catch((error: Error) => error);
  expect(error).toMatchObject({ message: "Airflow does not accept the password of admin that is in the secrets" });
  expect(JSON.stringify([error, String((error as Error).stack)])).not.toContain("hunter2");
});

test("what Airflow refuses is told in its own words", async () => {
  answer = ({ url }) => (url === "/api/v2/dags/x/dagRuns" ? [409, { detail: "it exists" }] : undefined);
  await expect(ask((airflow) => airflow.post("/dags/x/dagRuns", {}))).rejects.toThrow(
    "Airflow answered 409 to POST /dags/x/dagRuns: it exists",
  );
});

test("a server that hangs up is no answer", async () => {
  const mute = createTcpServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
  const connecting = host({ connect: async () => connect(portOf(mute), "127.0.0.1") });
  await expect(withAirflow(connecting, "right", (airflow) => airflow.health())).rejects.toBeInstanceOf(NoAnswer);
  mute.close();
});

test("a port where nothing answers keeps the host's own words", async () => {
  const closed = host({ connect: () => Promise.reject(new UserError("nothing answers on port 8080")) });
  await expect(withAirflow(closed, "right", (airflow) => airflow.health())).rejects.toThrow(
    "nothing answers on port 8080",
  );
});

describe("a lost link", () => {
  test("is made anew, said once, and the call is made again", async () => {
    let calls = 0;
    let reconnections = 0;
    const lost = jest.fn();
    const call = async (): Promise<string> => {
      if (++calls < 3) throw new LinkLost("host");
      return "done";
    };
    const reconnect = async (): Promise<void> => void reconnections++;
    expect(await persistently(host({ reconnect }), call, { lost, slow: lost }, new AbortController().signal)).toBe(
      "done",
    );
    expect([calls, reconnections, lost.mock.calls.length]).toEqual([3, 2, 1]);
  });

  test("is no other than an api-server that is just being recreated: the call is made again, and the reason told", async () => {
    let calls = 0;
    const lost = jest.fn();
    const closed = new NothingListens("nothing answers on port 8080");
    const call = async (): Promise<string> => {
      if (++calls < 2) throw closed;
      return "done";
    };
    const link = host({ reconnect: async () => undefined });
    expect(await persistently(link, call, { lost, slow: lost }, new AbortController().signal)).toBe("done");
    expect(lost.mock.calls).toEqual([[closed]]);
  });

  test("that is dead costs one time-out, not one for each of its streams", async () => {
    const mute = createTcpServer(() => undefined);
    await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
    const streams: Duplex[] = [];
    const dead = host({
      connect: async () => {
        const stream = connect(portOf(mute), "127.0.0.1");
        streams.push(stream);
        return stream;
      },
    });
    await withAirflow(dead, "right", async (airflow) => {
      const calls = Promise.allSettled(Array.from({ length: 4 }, () => airflow.health()));
      await until(() => streams.length === 4);
      streams[0]!.destroy();
      expect((await calls).map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected", "rejected"]);
    });
    expect(streams.every(({ destroyed }) => destroyed)).toBe(true);
    mute.close();
  });

  test("says that it waits where no answer comes for ten seconds", async () => {
    jest.useFakeTimers();
    const slow = jest.fn();
    const answered = new Promise<string>((resolve) => setTimeout(() => resolve("late"), 12_000));
    const call = persistently(host(), () => answered, { lost: slow, slow }, new AbortController().signal);
    await jest.advanceTimersByTimeAsync(9_000);
    expect(slow).not.toHaveBeenCalled();
    await jest.advanceTimersByTimeAsync(4_000);
    jest.useRealTimers();
    expect(await call).toBe("late");
    expect(slow).toHaveBeenCalledTimes(1);
  });

  test("is given up after a while, and never hides another error", async () => {
    const { signal } = new AbortController();
    const fail = (error: Error) =>
      persistently(host(), () => Promise.reject(error), { lost: () => undefined, slow: () => undefined }, signal, 0);
    await expect(fail(new LinkLost("host"))).rejects.toBeInstanceOf(LinkLost);
    await expect(fail(new UserError("no"))).rejects.toThrow("no");
  });
});

describe("the tunnel", () => {
  const read = async (port: number): Promise<number> => (await fetch(`http://127.0.0.1:${port}/auth/token`)).status;

  test("carries many connections at once, and ends", async () => {
    const tunnel = await openTunnel(host(), 0, 8080, () => undefined);
    expect(new Set(await Promise.all(Array.from({ length: 30 }, () => read(tunnel.port))))).toEqual(new Set([401]));
    tunnel.close();
    await expect(read(tunnel.port)).rejects.toThrow();
  });

  test("a lost link is made anew by the next connections, once for all of them", async () => {
    let isLost = true;
    let reconnections = 0;
    const breaking = host({
      connect: async () => {
        if (isLost) throw new LinkLost("host");
        return connect(portOf(server), "127.0.0.1");
      },
      reconnect: async () => {
        reconnections += 1;
        await new Promise((resolve) => setTimeout(resolve, 20));
        isLost = false;
      },
    });
    const tunnel = await openTunnel(breaking, 0, 8080, () => undefined);
    expect(await Promise.all([read(tunnel.port), read(tunnel.port), read(tunnel.port)])).toEqual([401, 401, 401]);
    expect(reconnections).toBe(1);
    tunnel.close();
  });

  test("says once that nothing answers, and goes on", async () => {
    const said: string[] = [];
    const down = host({ connect: () => Promise.reject(new UserError("nothing answers on port 8080")) });
    const tunnel = await openTunnel(down, 0, 8080, (text) => said.push(text));
    for (let i = 0; i < 3; i++) await expect(read(tunnel.port)).rejects.toThrow();
    expect(said).toEqual(["error: nothing answers on port 8080"]);
    tunnel.close();
  });

  test("it answers on both loopback addresses, where this machine has both", async () => {
    const tunnel = await openTunnel(host(), 0, 8080, () => undefined);
    const hasIPv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === "::1"));
    const answered = fetch(`http://[::1]:${tunnel.port}/api/v2/dags`).then(({ status }) => status);
    await (hasIPv6 ? expect(answered).resolves.toBe(401) : expect(answered).rejects.toThrow());
    tunnel.close();
  });

  test("a port that is taken is an error", async () => {
    await expect(openTunnel(host(), portOf(server), 8080, () => undefined)).rejects.toMatchObject({
      code: "EADDRINUSE",
    });
  });
});
