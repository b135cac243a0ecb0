import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../../provision/base/errors";
import { ROOT } from "../../provision/deployment/paths";
import { render } from "../../provision/release/templates";

const values = {
  images: { postgres: "postgres:1", airflow: "airflow:1" },
  secrets: Object.fromEntries(
    ["migrate", "api-server", "scheduler", "dag-processor", "triggerer"].map((name) => [name, "x"]),
  ) as object,
  secretsGroup: 50001,
  port: 8080,
  parallelism: 16,
  drain: 600,
  memory: { "api-server": 1024, "dag-processor": 768, triggerer: 768, postgres: 1024 },
  settings: {},
  operatorSecrets: [],
  operatorSecretFiles: {},
};

test("a template renders with all of its values", () => expect(render("compose.yaml", values)).toContain("airflow:1"));

test.each([
  ...Object.keys(values).map((name) => [name, { ...values, [name]: undefined }] as const),
  ["images.airflow", { ...values, images: { postgres: "x" } }] as const,
  ...Object.keys(values.secrets).map(
    (name) => [`secrets.${name}`, { ...values, secrets: { ...values.secrets, [name]: undefined } }] as const,
  ),
])("without %s it is an error that names the template", (_name, missing) => {
  expect(() => render("compose.yaml", missing)).toThrow(UserError);
  expect(() => render("compose.yaml", missing)).toThrow(/^templates\/compose\.yaml\.hbs: /);
});

test("values are JSON with every dollar sign doubled, and cannot break out", () => {
  const nasty = "a$b\"'\n# ${c}: {{json}} <&>";
  const text = render("compose.yaml", { ...values, settings: { X: nasty } });
  expect(text).toContain(JSON.stringify({ X: nasty }).replaceAll("$", "$$$$"));
});

describe("the scripts that a host runs are plain sh", () => {
  test.each(readdirSync(join(ROOT, "provision/change/on-host")))("%s", (name) => {
    expect(() =>
      execFileSync("sh", ["-n", join(ROOT, "provision/change/on-host", name)], { stdio: "pipe" }),
    ).not.toThrow();
  });
});
