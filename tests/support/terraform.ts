import { spawn } from "node:child_process";
import { join } from "node:path";
import type { Deployment } from "../../provision/deployment/deployment";
import { terraformProgram } from "../../provision/stacks/folders";

/** Runs the real terraform in a synthesized stack and returns its standard output. @throws Error with everything it printed */
export function terraform(
  { paths }: Deployment,
  stack: "data" | "host",
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<string> {
  const child = spawn(terraformProgram(), [`-chdir=${join(paths.state, "cdktf.out/stacks", stack)}`, ...args], {
    env: {
      ...process.env,
      ...env,
      TF_DATA_DIR: join(paths.state, "terraform", stack),
      TF_IN_AUTOMATION: "1",
      TF_CLI_ARGS: "-no-color",
      CHECKPOINT_DISABLE: "1",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (text: Buffer) => (stdout += text.toString()));
  child.stderr.on("data", (text: Buffer) => (stderr += text.toString()));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) =>
      code === 0 ? resolve(stdout) : reject(new Error(`terraform ${args.join(" ")}: ${code}\n${stdout}${stderr}`)),
    );
  });
}

export interface Change {
  readonly address: string;
  readonly actions: readonly string[];
  readonly after: any;
}

/** What terraform would change, by address; data sources and no-ops left out. */
export async function planned(
  deployment: Deployment,
  stack: "data" | "host",
  env: Readonly<Record<string, string>>,
  ...args: string[]
): Promise<Record<string, string>> {
  const file = join(deployment.paths.state, `${stack}.plan`);
  await terraform(deployment, stack, ["plan", "-input=false", `-out=${file}`, ...args], env);
  const { resource_changes: changes = [] } = JSON.parse(
    await terraform(deployment, stack, ["show", "-json", file], env),
  );
  return Object.fromEntries(
    changes
      .map(({ address, change }: any) => [address, change.actions.join("+")])
      .filter(([, actions]: string[]) => actions !== "no-op" && actions !== "read"),
  );
}
