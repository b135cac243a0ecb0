import { join } from "node:path";
import { App, TerraformStack, Testing } from "../../infra/cdktf";
import { LocalResource } from "../../infra/constructs/local-resource";
import type { LocalProps } from "../../infra/local-props";
import { LocalDataStack } from "../../infra/stacks/local-data";
import { LocalHostStack } from "../../infra/stacks/local-host";
import { localNames } from "../../provision/local/local-docker";
import { ROOT, pathsOf } from "../../provision/deployment/paths";

const names = localNames({ name: "local", paths: pathsOf("local", "local") });

const props = (changed: Partial<LocalProps> = {}): LocalProps => ({
  deployment: "local",
  names,
  scripts: "../../scripts",
  dataInstance: "vol-1",
  hostInstance: "i-1",
  isStopped: false,
  port: 20022,
  authorizedKeys: ["ssh-ed25519 AAAA ada"],
  mirror: "",
  ...changed,
});

const synth = (make: (app: App) => TerraformStack) => Testing.synth(make(Testing.app()));
const dataStack = (changed?: Partial<LocalProps>) => synth((app) => new LocalDataStack(app, "data", props(changed)));
const hostStack = (changed?: Partial<LocalProps>) => synth((app) => new LocalHostStack(app, "host", props(changed)));
const host = (changed?: Partial<LocalProps>) => JSON.parse(hostStack(changed)).resource.terraform_data.host;
const boot = (changed?: Partial<LocalProps>) => JSON.parse(hostStack(changed)).resource.terraform_data.boot;

test.each([
  ["data", dataStack, "../../../data.tfstate"],
  ["host", hostStack, "../../../host.tfstate"],
])("the stack %s keeps its state beside its configuration, with no absolute path baked in", (_name, make, path) => {
  const text = make();
  expect(JSON.parse(text).terraform.backend).toEqual({ local: { path } });
  expect(text).not.toContain(ROOT);
  expect(text).not.toMatch(/"\/(?!\/")/);
});

test("a local deployment needs no provider and no cloud", () => {
  for (const text of [dataStack(), hostStack()]) {
    const { terraform, provider, resource } = JSON.parse(text);
    expect(terraform.required_providers).toBeUndefined();
    expect(provider).toBeUndefined();
    expect(Object.keys(resource)).toEqual(["terraform_data"]);
  }
});

test("names carry a hash of where the state lies: two clones do not meet", () => {
  const other = localNames({
    name: "local",
    paths: { ...pathsOf("local", "local"), state: join(ROOT, "other/state/local") },
  });
  expect(names.host).toMatch(/^airflow-local-[0-9a-f]{8}$/);
  expect(new Set([...Object.values(names), ...Object.values(other)]).size).toBe(6);
});

test("what may log in, ports and mirrors make no host again", () => {
  const { triggers_replace, input } = host();
  const changed = host({
    authorizedKeys: ["ssh-ed25519 BBBB bob"],
    port: 20023,
    mirror: "http://mirror.example/debian",
  });
  expect(changed.triggers_replace).toEqual(triggers_replace);
  expect(changed.input).toEqual(input);
});

test("a host that is gone has another id: Terraform makes it again", () => {
  expect(host({ hostInstance: "i-2" }).triggers_replace).not.toEqual(host().triggers_replace);
});

test("a host that runs is left alone, one that stopped is started", () => {
  expect(boot().lifecycle).toEqual({ ignore_changes: ["input", "triggers_replace"] });
  expect(boot({ isStopped: true }).lifecycle).toBeUndefined();
  expect(boot().depends_on).toEqual(["terraform_data.host"]);
});

test("the script that removes a thing is told which one it was", () => {
  const [, destroy] = host().provisioner;
  expect(destroy["local-exec"]).toMatchObject({
    when: "destroy",
    environment: { NAME: "${self.output.NAME}", INSTANCE: "${self.output.INSTANCE}" },
  });
});

test("values that look like Terraform's templates stay as they are", () => {
  const text = synth((app) => {
    const stack = new TerraformStack(app, "any");
    new LocalResource(stack, "thing", {
      scripts: ".",
      identity: { A: "${x}" },
      environment: { B: "%{if} $5 %5" },
      create: "x.sh",
      summary: "thing",
    });
    return stack;
  });
  const { input, provisioner } = JSON.parse(text).resource.terraform_data.thing;
  expect(input).toEqual({ A: "$${x}" });
  expect(provisioner[0]["local-exec"].environment).toEqual({ A: "$${x}", B: "%%{if} $5 %5" });
});
