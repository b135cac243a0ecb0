/** A verb that only tests run, as a process: it carries out the actions in CHANGE (JSON) on the host of DEPLOYMENT. */
import { ANN, change } from "./plans";
import { mainHost } from "../../provision/link/main-host";
import type { Action } from "../../provision/change/planning";
import { runScript } from "../../provision/script";
import { withHost } from "../../provision/link/ssh-host";

runScript(async (deployment, { screen }) => {
  const actions = JSON.parse(process.env["CHANGE"]!) as Action[];
  const main = mainHost(deployment);
  const target = { ...main, port: Number(process.env["PORT"] || main.port) };
  await withHost(deployment, target, (host) => change(host, ...actions));
  screen.print(`${ANN.verb} is done`);
});
