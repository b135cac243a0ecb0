import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeContext } from "./base/context";
import { runMain } from "./base/main";
import { ROOT } from "./deployment/paths";
import { jsonSchema } from "./deployment/settings-table";
import { TABLES, withTable } from "./page/generated-tables";

/** `make docs`: writes every part of docs/ and deployments/ that is made from the code. */
const context = makeContext();
runMain(context, async () => {
  for (const each of TABLES) {
    const file = join(ROOT, each.file);
    writeFileSync(file, withTable(readFileSync(file, "utf8"), each));
  }
  writeFileSync(join(ROOT, "deployments/schema.json"), jsonSchema());
  context.screen.print(
    `wrote ${TABLES.map(({ file, name }) => `${file} (${name})`).join(", ")} and deployments/schema.json`,
  );
});
