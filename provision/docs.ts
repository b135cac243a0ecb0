import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { costTable } from "./aws/aws-cost";
import { ROOT } from "./deployment/paths";
import { jsonSchema, settingsTable } from "./deployment/settings-table";
import { runScript } from "./script";

/** `make docs`: writes every part of README, docs/ and deployments/ that is made from the code. */

/** Documents that hold a table, between `<!-- name -->` and `<!-- /name -->`. */
export const TABLES = [
  { file: "README.md", name: "settings", table: settingsTable },
  { file: "docs/aws.md", name: "costs", table: costTable },
] as const;

/** The document with the table in its place. */
export function withTable(document: string, { file, name, table }: (typeof TABLES)[number]): string {
  const [before, , after] = document.split(new RegExp(`(?<=<!-- ${name} -->\\n)([\\s\\S]*)(?=<!-- /${name} -->)`));
  if (after === undefined) throw new Error(`${file} lacks <!-- ${name} --> … <!-- /${name} -->`);
  return `${before}\n${table()}\n\n${after}`;
}

if (require.main === module) {
  runScript(async (_deployment, { screen }) => {
    for (const each of TABLES) {
      const file = join(ROOT, each.file);
      writeFileSync(file, withTable(readFileSync(file, "utf8"), each));
    }
    writeFileSync(join(ROOT, "deployments/schema.json"), jsonSchema());
    screen.print(`wrote ${TABLES.map(({ file, name }) => `${file} (${name})`).join(", ")} and deployments/schema.json`);
  });
}
