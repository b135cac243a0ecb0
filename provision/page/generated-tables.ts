import { costTable } from "../aws/aws-cost";
import { settingsTable } from "../deployment/settings-table";

/** Documents that hold a table, between `<!-- name -->` and `<!-- /name -->`. */
export const TABLES = [
  { file: "docs/settings.md", name: "settings", table: settingsTable },
  { file: "docs/aws.md", name: "costs", table: costTable },
] as const;

/** The document with the table in its place. */
export function withTable(document: string, { file, name, table }: (typeof TABLES)[number]): string {
  const [before, , after] = document.split(new RegExp(`(?<=<!-- ${name} -->\\n)([\\s\\S]*)(?=<!-- /${name} -->)`));
  if (after === undefined) throw new Error(`${file} lacks <!-- ${name} --> … <!-- /${name} -->`);
  return `${before}\n${table()}\n\n${after}`;
}
