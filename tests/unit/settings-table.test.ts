import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../provision/deployment/paths";
import { TABLES, withTable } from "../../provision/page/generated-tables";
import { jsonSchema, settingsTable } from "../../provision/deployment/settings-table";

const renew = "make docs";

test.each(TABLES)(`$file shows the $name of today (else: ${renew})`, (each) => {
  const document = readFileSync(join(ROOT, each.file), "utf8");
  expect(withTable(document, each)).toBe(document);
});
test(`deployments/schema.json is the schema of today (else: ${renew})`, () => {
  expect(readFileSync(join(ROOT, "deployments/schema.json"), "utf8")).toBe(jsonSchema());
});
test("every setting says what it means", () => {
  for (const row of settingsTable().split("\n").slice(2)) expect(row).toMatch(/\| \S.* \| \S.* \| \S.* \| \S.* \|$/);
});
