import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../provision/paths";
import { jsonSchema, settingsTable, withTable } from "../../provision/settings-table";

const renew = "node --import tsx provision/settings-table.ts --write";

test(`README.md shows every setting of today (else: ${renew})`, () => {
  const readme = readFileSync(join(ROOT, "README.md"), "utf8");
  expect(withTable(readme)).toBe(readme);
});
test(`deployments/schema.json is the schema of today (else: ${renew})`, () => {
  expect(readFileSync(join(ROOT, "deployments/schema.json"), "utf8")).toBe(jsonSchema());
});
test("every setting says what it means", () => {
  for (const row of settingsTable().split("\n").slice(2)) expect(row).toMatch(/\| \S.* \| \S.* \| \S.* \| \S.* \|$/);
});
