import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { AwsDeployment, onlyOnAws } from "./deployment/deployment";
import { Ejected, ejectedFiles } from "./release/ejected";
import type { Context } from "./base/context";
import { UserError } from "./base/errors";
import { ROOT } from "./deployment/paths";
import { makeRelease } from "./release/release";
import { runScript } from "./script";
import { readSecrets } from "./deployment/secrets-file";
import { stackConfigurations } from "./stacks/synth";

runScript(async (anyDeployment, context) => {
  const deployment = onlyOnAws(
    anyDeployment,
    "a local host is of no use without this tool",
    "name a deployment on AWS: DEPLOYMENT=production make eject",
  );
  const folder = join(ROOT, "state", "ejected", deployment.name);
  const target = resolve(process.env["EJECT_TO"] || folder);
  if (existsSync(target))
    throw new UserError(`${target} exists already`, "move it away, or name another folder: EJECT_TO=folder");
  for (const { path, content, mode } of ejectedFiles(await ejected(context, deployment))) {
    mkdirSync(dirname(join(target, path)), { recursive: true });
    writeFileSync(join(target, path), content, { mode: mode ?? 0o644 });
  }
  context.screen.print(`${relative(process.cwd(), target) || target} works without this tool: see its README.md`);
});

async function ejected(context: Context, deployment: AwsDeployment): Promise<Ejected> {
  return {
    name: deployment.name,
    stacks: await stackConfigurations(context, deployment),
    stateFolder: deployment.paths.terraformState,
    release: makeRelease(deployment, await readSecrets(deployment)),
  };
}
