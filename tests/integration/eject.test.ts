import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ejectedFiles } from "../../provision/release/ejected";
import { awsDeployment, synthesize } from "../support/aws";
import { FakeProvider, startFakeProvider } from "../support/fake-provider/server";

jest.setTimeout(120_000);

const root = mkdtempSync(join(tmpdir(), "eject-"));
let provider: FakeProvider;
beforeAll(async () => (provider = await startFakeProvider()));
afterAll(() => {
  provider.stop();
  rmSync(root, { recursive: true, force: true });
});

function run(...words: string[]): Promise<{ code: number; text: string }> {
  const env = { ...process.env, ...provider.env, CHECKPOINT_DISABLE: "1", TF_IN_AUTOMATION: "1", TF_INPUT: "0" };
  const [program, ...args] = words;
  const child = spawn(program!, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (part: Buffer) => (text += part.toString()));
  return new Promise((resolve) => child.once("close", (code) => resolve({ code: code ?? -1, text })));
}

test("the folder makes the deployment by Terraform alone, and then finds nothing to change", async () => {
  const deployment = awsDeployment(root, {}, undefined, "leaver");
  const files = ejectedFiles({
    name: "leaver",
    stacks: synthesize(deployment),
    stateFolder: root,
    release: {
      digest: "0a",
      files: [{ path: "compose.yaml", content: "services: {}\n", sha256: "" }],
      composeFile: "services: {}\n",
      images: {} as never,
    },
  });
  for (const { path, content, mode } of files) {
    mkdirSync(dirname(join(root, "out", path)), { recursive: true });
    writeFileSync(join(root, "out", path), content, { mode: mode ?? 0o644 });
  }
  expect(files.map(({ path }) => path)).toContain("release/files/compose.yaml");
  expect(files.map(({ content }) => content.toString()).join("")).not.toMatch(/cdktf[^ ,]*metadata|"\/\/"/);
  const script = join(root, "out/terraform/apply.sh");
  expect((await run("sh", "-n", join(root, "out/release/install.sh"))).code).toBe(0);
  // As an operator who answers yes to both.
  process.env["TF_CLI_ARGS_apply"] = "-auto-approve";
  const made = await run(script);
  delete process.env["TF_CLI_ARGS_apply"];
  expect(made).toMatchObject({ code: 0, text: expect.stringMatching(/Apply complete!/) });
  expect(existsSync(join(root, "host.tfstate"))).toBe(true);
  const { code, text } = await run(script, "plan");
  expect({ code, same: text.match(/No changes\./g) }).toEqual({ code: 0, same: ["No changes.", "No changes."] });
});
