/**
 * What may import what: the rooms of provision/, each with the rooms (or single files of them) that it may import. Lint is
 * made from this table, so a new file is covered from its first line; a test draws the graph and finds no circle.
 */
const EVERYTHING_BELOW = ["base", "deployment"];

export const ROOMS = {
  /** Errors, text, screen, signals, child processes: knows nothing of Airflow. */
  base: [],
  /** The deployment file, its paths, operators and secrets. */
  deployment: ["base"],
  /** The way to a host: SSH, pinned keys, tunnels. */
  link: EVERYTHING_BELOW,
  /** What only this machine has: its Docker, its packages. */
  local: EVERYTHING_BELOW,
  /** What only AWS has: its API, its words, its prices. */
  aws: EVERYTHING_BELOW,
  /** Terraform: the two stacks of a deployment. */
  stacks: [...EVERYTHING_BELOW, "link", "local", "aws"],
  /** How a plan becomes true on a host. */
  change: ["base", "link"],
  /** What should be on a host: the release, the images, the DAG files. */
  release: [...EVERYTHING_BELOW, "link/outputs", "change/planning", "change/places"],
  /** What provisioning makes sure of. A step is pure: of other rooms it may import only what is pure, too. */
  steps: [
    ...["base/errors", "base/shell", "base/text", "deployment/airflow", "deployment/aws-settings"],
    ...[
      "change/fact",
      "change/host-clock",
      "change/places",
      "change/planning",
      "release/wanted",
      "release/dag-release",
    ],
  ],
  /** Airflow's REST API. */
  api: [...EVERYTHING_BELOW, "link"],
  /** Pulls a backup to this machine and verifies it. */
  backups: [...EVERYTHING_BELOW, "link", "change", "steps/backup"],
  /** What is shown: the page of `make status`, logs, the tables of README and docs/. */
  page: [...EVERYTHING_BELOW, "aws/aws-cost", "link", "change", "release", "steps", "api"],
};

/** Rooms that may reach nothing outside of the program, not even through others. */
export const CLOSED = ["steps"];

/** Modules that only compute: all that CLOSED rooms may use, whoever imports them. */
export const PURE = ["node:crypto", "diff", "fastest-levenshtein", "yaml", "zod"];

/** A verb may import every room, and these files beside it. */
export const VERBS = { mayImport: ["script", "first-boot"] };

/** infra/ makes Terraform's configuration. */
export const INFRA = { mayImport: ["base", "deployment", "local"] };

/** Libraries with one door: a file, or a room. */
export const DOORS = [
  { name: "ssh2", door: "provision/link/" },
  { name: "zx", door: "provision/lock.ts" },
  { name: "handlebars", door: "provision/release/templates.ts" },
  { name: "age-encryption", door: "provision/deployment/age.ts" },
  { name: "undici", door: "provision/api/airflow-api.ts" },
  { name: "@aws-sdk", door: "provision/aws/" },
];
