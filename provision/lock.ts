/**
 * `make lock` renews what the images are made of: the date of Debian's packages, versions and hashes of Python's.
 * uv resolves them. The images install them with uv, too, which is locked by version and hash in the same way.
 * What is younger than a week is left out: most packages that somebody has tampered with are withdrawn within days.
 * It also lists the options that this Airflow knows, which the check of deployment files needs.
 */
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { $ } from "zx";
import type { Context } from "./base/context";
import type { Screen } from "./base/screen";
import { UserError } from "./base/errors";
import { ROOT, TEMPLATES } from "./deployment/paths";
import { ConfigSections, PROVIDER_CONFIG, optionTypes } from "./release/option-types";
import { changedPins, packagesOf } from "./release/pins";
import { runScript } from "./script";

const IMAGES = join(TEMPLATES, "images");
/** Debian 13's version of Python. One lock file is valid for amd64 and arm64. */
const PYTHON = "3.13";
/** In milliseconds. */
const WEEK = 7 * 86_400_000;

async function lock(_deployment: unknown, { screen }: Context): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), "lock-"));
  try {
    const uv = join(work, "bin", "uv");
    const week = new Date(Date.now() - WEEK).toISOString().replace(/\.\d+/, "");
    screen.say("installing uv");
    await python(work);
    for (const name of ["uv", "requirements"]) {
      screen.say(`resolving ${name}.in`);
      const target = join(IMAGES, `${name}.lock`);
      const made = join(work, `${name}.lock`);
      const options = [
        "--quiet",
        "--universal",
        "--upgrade",
        "--generate-hashes",
        "--no-header",
        "--no-annotate",
        `--exclude-newer=${week}`,
      ];
      await run(
        () =>
          $({
            quiet: true,
          })`${uv} pip compile ${options} --python-version=${PYTHON} --output-file=${made} ${join(IMAGES, `${name}.in`)}`,
      );
      replace(screen, target, readFileSync(made, "utf8"));
    }
    replace(screen, join(IMAGES, "date"), `${new Date().toISOString().slice(0, 10)}\n`);
    screen.say("listing Airflow's options");
    await listOptions(work);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** A virtual environment with the uv in it that the last lock pins. */
async function python(folder: string): Promise<void> {
  await run(() => $({ quiet: true })`python3 -m venv ${folder}`);
  await run(
    () =>
      $({
        quiet: true,
      })`${folder}/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement=${join(IMAGES, "uv.lock")}`,
  );
}

/** Writes the options of the locked Airflow and its providers. */
async function listOptions(work: string): Promise<void> {
  const packages = join(work, "packages");
  const lockFile = join(work, "airflow.lock");
  const lock = readFileSync(join(IMAGES, "requirements.lock"), "utf8");
  writeFileSync(lockFile, packagesOf(lock, /^apache-airflow-(core|providers-.*)$/));
  const options = ["--quiet", "--no-deps", "--require-hashes", `--python-version=${PYTHON}`, `--target=${packages}`];
  await run(() => $({ quiet: true })`${join(work, "bin", "uv")} pip install ${options} --requirement=${lockFile}`);
  const { stdout } = await $({ quiet: true })`${join(work, "bin", "python")} -c ${PROVIDER_CONFIG} ${packages}`;
  const core = parse(readFileSync(join(packages, "airflow/config_templates/config.yml"), "utf8")) as ConfigSections;
  const types = optionTypes([core, ...(JSON.parse(stdout) as ConfigSections[])]);
  writeFileSync(join(ROOT, "provision/deployment/airflow-options.json"), `${JSON.stringify(types, null, 2)}\n`);
}

async function run(command: () => Promise<unknown>): Promise<void> {
  await command().catch((error: { stderr?: string; message: string }) => {
    throw new UserError(`cannot resolve the packages: ${(error.stderr || error.message).trim()}`);
  });
}

/** Replaces a lock file in one step, and shows the pins that changed. */
function replace(screen: Screen, file: string, text: string): void {
  const before = readFileSync(file, "utf8");
  if (before === text) return;
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
  for (const change of changedPins(before, text)) screen.print(change);
}

runScript(lock);
