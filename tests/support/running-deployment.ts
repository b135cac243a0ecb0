import { AirflowApi, withAirflow } from "../../provision/api/airflow-api";
import { Deployment, loadDeployment } from "../../provision/deployment/deployment";
import { runAsRoot } from "../../provision/change/root";
import { mainHost } from "../../provision/link/main-host";
import type { Secrets } from "../../provision/deployment/secret-names";
import { readSecrets } from "../../provision/deployment/secrets-file";
import type { Command } from "../../provision/base/shell";
import { ConnectedHost, connectHost } from "../../provision/link/ssh-host";

/** The deployment that DEPLOYMENT names, as one test file uses it. */
export interface Running {
  readonly deployment: Deployment;
  readonly secrets: Secrets;
  readonly host: ConnectedHost;
  /** Runs a command as root and returns what it prints. @throws Error if it fails */
  root(command: Command): Promise<string>;
  airflow<T>(use: (airflow: AirflowApi) => Promise<T>, password?: string): Promise<T>;
}

/** Connects before the first test of a file and disconnects after the last. */
export function runningDeployment(): Running {
  const running = {} as { -readonly [K in keyof Running]: Running[K] };
  beforeAll(async () => {
    const deployment = loadDeployment(process.env["DEPLOYMENT"] || "local");
    const host = await connectHost(deployment, mainHost(deployment));
    const secrets = await readSecrets(deployment);
    Object.assign(running, {
      deployment,
      host,
      secrets,
      root: async (command: Command) => {
        const { code, stdout, stderr } = await runAsRoot(host, command);
        if (code !== 0) throw new Error(`exit code ${code}: ${stderr}`);
        return stdout;
      },
      airflow: <T>(use: (airflow: AirflowApi) => Promise<T>, password = secrets.admin_password) =>
        withAirflow(host, password, use),
    } satisfies Running);
  });
  afterAll(() => running.host?.close());
  return running;
}
