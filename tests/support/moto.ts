import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../provision/deployment/paths";
import { awsEnvironmentOf } from "./aws-stub";
import { until } from "./capture";
import { freePort } from "./proxy";

/** Where tests/python/venv.sh puts Python's tools. */
export const PYTHON = join(ROOT, "node_modules/.python/bin");

/** An imitation of AWS on loopback. */
export interface Moto {
  readonly url: string;
  /** Environment of programs that are to use it, with made-up credentials. */
  readonly env: Readonly<Record<string, string>>;
  /** From now on the imitation obeys IAM's policies. */
  enforceIam(): Promise<void>;
  reset(): Promise<void>;
  stop(): void;
}

export async function startMoto(): Promise<Moto> {
  const program = join(PYTHON, "moto_server");
  if (!existsSync(program)) throw new Error("moto is not installed: run make python");
  const port = await freePort();
  const child = spawn(program, ["-H", "127.0.0.1", "-p", String(port)], { stdio: "ignore" });
  const url = `http://127.0.0.1:${port}`;
  const post = async (path: string, body = ""): Promise<void> => {
    const { ok, status } = await fetch(`${url}/moto-api/${path}`, { method: "POST", body });
    if (!ok) throw new Error(`moto: ${path}: ${status}`);
  };
  await until(
    () =>
      fetch(`${url}/moto-api/`).then(
        () => true,
        () => false,
      ),
    60,
  );
  return {
    url,
    env: awsEnvironmentOf(url),
    enforceIam: () => post("reset-auth", "0"),
    reset: () => post("reset"),
    stop: () => void child.kill("SIGKILL"),
  };
}
