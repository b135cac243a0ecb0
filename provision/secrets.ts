import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { closest, distance } from "fastest-levenshtein";
import type { Context } from "./base/context";
import type { Signals } from "./base/signals";
import type { Deployment } from "./deployment/deployment";
import { Interrupted, UserError } from "./base/errors";
import { operatorSecretsOf } from "./release/release";
import { withPrivateFolder } from "./base/private-folder";
import { runScript } from "./script";
import { openSecrets, saveSecrets } from "./deployment/secrets-file";
import { askForReaders, isChange } from "./deployment/secrets-readers";
import { SECRET_NAMES } from "./deployment/secret-names";
import { complete, parseSecrets } from "./deployment/secrets-text";

/** Lets the operator edit the secrets. Nothing is written if the edited text is not valid. */
async function editSecrets(deployment: Deployment, context: Context): Promise<void> {
  const { screen } = context;
  if (!process.stdin.isTTY && !chosenEditor())
    throw new UserError(
      "make secrets opens an editor, and there is no terminal for it",
      "run it in a terminal, or name a script that edits the file: EDITOR=./edit.sh make secrets",
    );
  const opened = await openSecrets(deployment);
  const approve = askForReaders(context, deployment, "secrets");
  // Before the editor: a "no" must not cost an edit.
  if (isChange(opened.readers)) await approve(opened.readers);
  // A text that is not valid is opened as it is, because this verb is the way to mend it.
  const text = isValid(opened.text) ? complete(opened.text).text : opened.text;
  const edited = await withPrivateFolder((folder) =>
    editValid(context, join(folder, `${deployment.name}.yaml`), text, deployment.airflow),
  );
  if (edited === text && !(isChange(opened.readers) && isValid(text)))
    return screen.say("nothing changed, nothing written");
  const changed = changedNames(opened.text, edited);
  await saveSecrets(deployment, opened, edited, approve);
  screen.say(`wrote ${opened.source}${changed.length > 0 ? `: ${changed.join(", ")}` : ""}`);
  const gone = changed.filter((name) => SECRET_NAMES.some((known) => known === name) && !has(edited, name));
  if (gone.length > 0) screen.advise(`${gone.join(", ")}: gone, so make provision makes a new value`);
  screen.advise("next: make provision, which brings them to the host");
}

/** Lets the operator edit until the text is valid; without a terminal an invalid text is an error at once. */
async function editValid(
  context: Context,
  file: string,
  text: string,
  airflow: Deployment["airflow"],
): Promise<string> {
  const { screen, signals } = context;
  writeFileSync(file, text, { mode: 0o600, flag: "wx" });
  for (;;) {
    await runEditor(signals, file);
    const edited = readFileSync(file, "utf8");
    if (edited === text) return edited;
    try {
      checkNames(text, edited, operatorSecretsOf(airflow));
      return edited;
    } catch (error) {
      if (!(error instanceof UserError) || !process.stdin.isTTY) throw error;
      screen.say(`error: ${error.message}`);
      screen.say("press Enter to edit again, or Ctrl-C to discard the edit");
      await signals
        .thenThrow(dropped, (stop) => once(process.stdin.resume(), "data", { signal: stop }))
        .finally(() => process.stdin.pause());
    }
  }
}

/** @throws UserError if a name looks mistyped, or one is gone that airflow.secrets uses: the next provision would refuse */
function checkNames(before: string, after: string, used: readonly string[]): void {
  const secrets = parseSecrets("your edit", after);
  const known = [...SECRET_NAMES, ...used];
  for (const name of Object.keys(secrets).filter((name) => !known.includes(name))) {
    const near = closest(name, known);
    if (distance(name, near) <= 2)
      throw new UserError(`your edit: ${name} is no known name; did you mean ${near}?`, "nothing was written");
  }
  const old = isValid(before) ? parseSecrets("", before) : {};
  const gone = used.filter((name) => old[name] !== undefined && secrets[name] === undefined);
  if (gone.length > 0)
    throw new UserError(`your edit: lacks ${gone.join(", ")}, which airflow.secrets uses`, "nothing was written");
}

const chosenEditor = (): string | undefined => process.env["VISUAL"] || process.env["EDITOR"];

async function runEditor(signals: Signals, file: string): Promise<void> {
  const editor = chosenEditor() || "vi";
  const code = await signals.thenThrow(dropped, async (stop) => {
    // EDITOR is a shell's command line, as for git and crontab: EDITOR="code --wait" works.
    const child = spawn("sh", ["-c", `${editor} "$1"`, "sh", file], { stdio: "inherit" });
    stop.addEventListener("abort", () => child.kill("SIGTERM"));
    const [exitCode] = (await once(child, "close")) as [number | null];
    return exitCode;
  });
  if (code !== 0) {
    throw new UserError(
      `the editor ${editor} ended with ${code === null ? "a signal" : `exit code ${code}`}`,
      "nothing was written; set EDITOR to use another one",
    );
  }
}

const dropped = (): Interrupted => new Interrupted("interrupted: nothing was written");

function isValid(text: string): boolean {
  try {
    return Boolean(parseSecrets("", text));
  } catch {
    return false;
  }
}

const has = (text: string, name: string): boolean => Object.hasOwn(parseSecrets("", text), name);

function changedNames(before: string, after: string): string[] {
  const old: Record<string, string | undefined> = isValid(before) ? parseSecrets("", before) : {};
  const now: Record<string, string | undefined> = parseSecrets("", after);
  return [...new Set([...Object.keys(old), ...Object.keys(now)])].filter((name) => old[name] !== now[name]);
}

runScript(editSecrets);
