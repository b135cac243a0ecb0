import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Deployment } from "./deployment/deployment";
import { Interrupted, UserError } from "./base/errors";
import { say } from "./base/output";
import { withPrivateFolder } from "./base/private-folder";
import { runScript } from "./script";
import { openSecrets, saveSecrets } from "./deployment/secrets-file";
import { complete, parseSecrets } from "./deployment/secrets-text";

/** Edits the secrets: what the editor leaves is checked, encrypted and put in place, or nothing is written. */
async function editSecrets(deployment: Deployment): Promise<void> {
  const opened = await openSecrets(deployment);
  // A file that is not valid is shown as it is: this is the verb that mends it.
  const text = isValid(opened.text) ? complete(opened.text).text : opened.text;
  const edited = await withPrivateFolder((folder) => editValid(join(folder, `${deployment.name}.yaml`), text));
  if (edited === text && !(opened.isStale && isValid(text))) return say("nothing changed, nothing written");
  const changed = changedNames(opened.text, edited);
  await saveSecrets(deployment, opened, edited);
  say(`wrote ${opened.source}${changed.length > 0 ? `: ${changed.join(", ")}` : ""}`);
  say("make provision brings it to the host");
}

/** Lets the operator edit until the text is valid; without a terminal an invalid text is an error at once. */
async function editValid(file: string, text: string): Promise<string> {
  writeFileSync(file, text, { mode: 0o600, flag: "wx" });
  for (;;) {
    await runEditor(file);
    const edited = readFileSync(file, "utf8");
    if (edited === text) return edited;
    try {
      parseSecrets("your edit", edited);
      return edited;
    } catch (error) {
      if (!(error instanceof UserError) || !process.stdin.isTTY) throw error;
      say(`error: ${error.message}`);
      say("Enter to edit again, Ctrl-C to drop the edit");
      await interruptible((stop) => once(process.stdin.resume(), "data", { signal: stop })).finally(() =>
        process.stdin.pause(),
      );
    }
  }
}

async function runEditor(file: string): Promise<void> {
  const editor = process.env["VISUAL"] || process.env["EDITOR"] || "vi";
  const code = await interruptible(async (stop) => {
    // An editor is a shell's command line, as for git and crontab: EDITOR="code --wait" works.
    const child = spawn("sh", ["-c", `${editor} "$1"`, "sh", file], { stdio: "inherit" });
    stop.addEventListener("abort", () => child.kill("SIGTERM"));
    const [exitCode] = (await once(child, "close")) as [number | null];
    return exitCode;
  });
  if (code !== 0) {
    throw new UserError(
      `the editor ${editor} ended with ${code ?? "a signal"}`,
      "nothing was written; EDITOR names another one",
    );
  }
}

/** Turns SIGINT, SIGTERM and SIGHUP during `work` into Interrupted, once `work` has ended: so that `finally` runs. */
async function interruptible<T>(work: (stop: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  const abort = () => stop.abort();
  for (const signal of signals) process.on(signal, abort);
  try {
    const result = await work(stop.signal);
    stop.signal.throwIfAborted();
    return result;
  } catch (error) {
    throw stop.signal.aborted ? new Interrupted("interrupted: nothing was written") : error;
  } finally {
    for (const signal of signals) process.off(signal, abort);
  }
}

function isValid(text: string): boolean {
  try {
    return Boolean(parseSecrets("", text));
  } catch {
    return false;
  }
}

function changedNames(before: string, after: string): string[] {
  const old: Record<string, string | undefined> = isValid(before) ? parseSecrets("", before) : {};
  const now: Record<string, string | undefined> = parseSecrets("", after);
  return [...new Set([...Object.keys(old), ...Object.keys(now)])].filter((name) => old[name] !== now[name]);
}

runScript(editSecrets);
