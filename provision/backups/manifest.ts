import { createHash } from "node:crypto";
import { z } from "zod";

/** The content of a backup's manifest.json, which templates/backup/helper.py writes on the host. */
const Manifest = z.object({
  id: z.string(),
  made: z.string(),
  identity: z.object({ deployment: z.string(), fernetKey: z.string(), databasePassword: z.string() }),
  airflow: z.string().nullable(),
  postgres: z.string(),
  revision: z.string(),
  dagRelease: z.string().nullable(),
  /** Of the files on the host, which are not encrypted. */
  files: z.record(z.string(), z.object({ sha256: z.string(), size: z.number() })),
  /** Rows in the dump, by the name of the table, quoted as in SQL. */
  rows: z.record(z.string(), z.number()),
});
export type Manifest = z.infer<typeof Manifest>;

/** Compares the manifest with its line in SHA256SUMS of the host, and parses it. @throws Error that says what is wrong */
export function parseManifest(manifest: Buffer | undefined, sums: Buffer | undefined): Manifest {
  if (!manifest || !sums) throw new Error("its manifest is missing");
  const digest = createHash("sha256").update(manifest).digest("hex");
  if (!sums.toString().split("\n").includes(`${digest}  manifest.json`)) throw new Error("its manifest is damaged");
  return Manifest.parse(JSON.parse(manifest.toString()));
}
