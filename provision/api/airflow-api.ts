import { setTimeout as sleep } from "node:timers/promises";
import type { Duplex } from "node:stream";
import { Pool } from "undici";
import { ADMIN, AIRFLOW_PORT } from "../deployment/airflow";
import { UserError } from "../base/errors";
import type { Host } from "../link/host";
import { printable } from "../base/text";
import { HostUnreachable, LinkLost, NothingListens } from "../link/ssh-errors";

/** Airflow's REST API, through the SSH connection: no port is opened on either side. Paths are made by `path`. */
export interface AirflowApi {
  get<T>(path: string): Promise<T>;
  post<T>(path: string, body: unknown): Promise<T>;
  patch<T>(path: string, body: unknown): Promise<T>;
  /** Every item of a list, read in pages; `key` names the list in Airflow's answer. */
  list<T>(path: string, key: string): Promise<T[]>;
  /** The state of the database and the heartbeats; it needs no login. */
  health(): Promise<Health>;
}

/** Airflow answered with an error. */
export class ApiError extends UserError {
  constructor(
    readonly status: number,
    readonly detail: string,
    request: string,
  ) {
    super(
      `Airflow answered ${status} to ${request}: ${detail}`,
      status >= 500 ? "see make logs SERVICE=api-server" : undefined,
    );
  }
}

/** No answer came: the api-server is down or starting, or the link to the host is gone. */
export class NoAnswer extends UserError {
  constructor(host: Host, cause: Error) {
    super(`Airflow on ${host.name} does not answer: ${wordsOf(cause)}`, "run make status", { cause });
  }
}

/** Some of Node's errors have a code and no message. */
const wordsOf = (cause: Error & { code?: string }): string => cause.message || cause.code || cause.name;

export type Health = Readonly<Record<string, { readonly status: string | null } | undefined>>;

/** What must be healthy. Airflow answers 200 even if something is not; the status of a service that never started is null. */
export const COMPONENTS = ["metadatabase", "scheduler", "triggerer", "dag_processor"] as const;
export const unhealthy = (health: Health): string[] =>
  COMPONENTS.filter((name) => health[name]?.status !== "healthy").map((name) => name.replace("_", "-"));

/** An API path; every interpolated value is encoded. */
export const path = (parts: TemplateStringsArray, ...values: readonly (string | number)[]): string =>
  parts.reduce((text, part, i) => text + encodeURIComponent(values[i - 1]!) + part);

/** Items in a page; Airflow allows no more. */
const PAGE = 100;

/**
 * Connects to Airflow for `use`, and disconnects even if that fails. It logs in before the first request that needs it.
 * @param patience seconds that an answer may take
 */
export async function withAirflow<T>(
  host: Host,
  password: string,
  use: (airflow: AirflowApi) => Promise<T>,
  patience = 60,
): Promise<T> {
  const streams = new Set<Duplex>();
  const pool = new Pool(`http://127.0.0.1:${AIRFLOW_PORT}`, {
    connections: 4,
    headersTimeout: patience * 1000,
    bodyTimeout: patience * 1000,
    connect: (_options: unknown, done: (error: Error | null, socket: any) => void) =>
      void host.connect(AIRFLOW_PORT).then(
        (stream) => (streams.add(stream.once("close", () => streams.delete(stream))), done(null, stream)),
        (error: Error) => done(error, null),
      ),
  });
  // The streams of a dead link do not end by themselves, and each would keep a request waiting for a minute.
  const drop = (): void => streams.forEach((stream) => stream.destroy());
  try {
    return await use(client(host, pool, password, drop));
  } finally {
    await pool.destroy();
  }
}

function client(host: Host, pool: Pool, password: string, drop: () => void): AirflowApi {
  let token: Promise<string> | undefined;

  async function send(method: "GET" | "POST" | "PATCH", target: string, body?: unknown, bearer?: string) {
    try {
      const response = await pool.request({
        method,
        path: target,
        headers: {
          accept: "application/json",
          ...(body !== undefined && { "content-type": "application/json" }),
          ...(bearer && { authorization: `Bearer ${bearer}` }),
        },
        body: body === undefined ? undefined : JSON.stringify(body),
      });
      return { status: response.statusCode, text: await response.body.text() };
    } catch (error) {
      drop();
      throw error instanceof UserError ? error : new NoAnswer(host, error as Error);
    }
  }

  async function logIn(): Promise<string> {
    const { status, text } = await send("POST", "/auth/token", { username: ADMIN, password });
    if (status === 401) {
      throw new UserError(
        `Airflow does not accept the password of ${ADMIN} that is in the secrets`,
        "was it changed in the UI? put the new one into the secrets with make secrets, then run make provision",
      );
    }
    if (status !== 201) throw new ApiError(status, detailOf(text), "POST /auth/token");
    return (JSON.parse(text) as { access_token: string }).access_token;
  }

  async function request<T>(method: "GET" | "POST" | "PATCH", target: string, body?: unknown): Promise<T> {
    const used = (token ??= logIn());
    let answer = await send(method, `/api/v2${target}`, body, await used);
    if (answer.status === 401) {
      // A token is valid for a day; a run may take longer.
      if (token === used) token = logIn();
      answer = await send(method, `/api/v2${target}`, body, await token);
    }
    const { status, text } = answer;
    if (status >= 300) throw new ApiError(status, detailOf(text), `${method} ${target.split("?")[0]!}`);
    return JSON.parse(text) as T;
  }

  return {
    get: (target) => request("GET", target),
    post: (target, body) => request("POST", target, body),
    patch: (target, body) => request("PATCH", target, body),
    list: async <T>(target: string, key: string): Promise<T[]> => {
      const items: T[] = [];
      for (;;) {
        const page = `${target}${target.includes("?") ? "&" : "?"}limit=${PAGE}&offset=${items.length}`;
        const answer = await request<Record<string, T[]> & { total_entries: number }>("GET", page);
        items.push(...answer[key]!);
        if (answer[key]!.length === 0 || items.length >= answer.total_entries) return items;
      }
    },
    health: async () => {
      const { status, text } = await send("GET", "/api/v2/monitor/health");
      if (status !== 200) throw new ApiError(status, detailOf(text), "GET /monitor/health");
      return JSON.parse(text) as Health;
    },
  };
}

/** The error text of an answer: FastAPI puts a sentence, or a list of places and messages, into `detail`. */
export function detailOf(text: string): string {
  let detail: unknown;
  try {
    detail = (JSON.parse(text) as { detail?: unknown }).detail;
  } catch {
    return printable(text.slice(0, 200)) || "an empty answer";
  }
  if (typeof detail === "string") return printable(detail) || "an empty answer";
  if (!Array.isArray(detail)) return printable(JSON.stringify(detail ?? text)).slice(0, 500);
  return detail
    .map(({ loc, msg }: { loc?: unknown[]; msg?: string }) => printable(`${(loc ?? []).slice(1).join(".")}: ${msg}`))
    .join("; ");
}

/** In milliseconds: an operator who sees nothing for longer thinks that it hangs. */
const SLOW = 10_000;

/**
 * Repeats `call` while Airflow does not answer or fails with a server error, for as long as a host may need to come back.
 * @param lost called after the first failure @param slow called once a call has had no answer for a while
 * @param seconds how long it tries
 */
export async function persistently<T>(
  host: Host,
  call: () => Promise<T>,
  { lost, slow }: { readonly lost: (error: unknown) => void; readonly slow: () => void },
  signal: AbortSignal,
  seconds = 120,
): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  for (let attempt = 0; ; attempt++) {
    signal.throwIfAborted();
    const waiting = setTimeout(slow, SLOW);
    try {
      if (attempt > 0) await host.reconnect();
      return await call();
    } catch (error) {
      signal.throwIfAborted();
      if (!isPassing(error) || Date.now() > deadline) throw error;
      if (attempt === 0) lost(error);
      await sleep(1000);
    } finally {
      clearTimeout(waiting);
    }
  }
}

const isPassing = (error: unknown): boolean =>
  error instanceof NoAnswer ||
  error instanceof NothingListens ||
  error instanceof LinkLost ||
  error instanceof HostUnreachable ||
  (error instanceof ApiError && error.status >= 500);
