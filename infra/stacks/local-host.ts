import type { Construct } from "constructs";
import { LocalBackend, TERRAFORM_VERSION, TerraformOutput, TerraformStack } from "../cdktf";
import { LocalResource } from "../constructs/local-resource";
import { LocalProps, newInstance } from "../local-props";

/** A systemd container that behaves like an EC2 instance, and its engine's disk. */
export class LocalHostStack extends TerraformStack {
  constructor(scope: Construct, id: string, props: LocalProps) {
    super(scope, id);
    const { names, scripts, port } = props;
    new LocalBackend(this, { path: "../../../host.tfstate" });
    this.addOverride("terraform.required_version", TERRAFORM_VERSION);

    const host = new LocalResource(this, "host", {
      scripts,
      identity: { NAME: names.host, ENGINE_VOLUME: names.engineVolume, INSTANCE: props.hostInstance },
      environment: {
        DEPLOYMENT: props.deployment,
        DATA_VOLUME: names.dataVolume,
        PORT: String(port),
        AUTHORIZED_KEYS: props.authorizedKeys.join("\n"),
        MIRROR: props.mirror,
      },
      create: "create-host.sh",
      destroy: "destroy-host.sh",
      summary: `host ${names.host}, SSH on 127.0.0.1:${port}`,
    });

    const boot = new LocalResource(this, "boot", {
      scripts,
      identity: { NAME: names.host, BOOT: newInstance("i") },
      create: "start-host.sh",
      dependsOn: [host],
      verb: "start",
      summary: "the host",
    });
    // BOOT is new each time. It is ignored while the host runs; if the host has stopped, it makes Terraform start it.
    if (!props.isStopped) boot.lifecycle = { ignoreChanges: ["input", "triggers_replace"] };

    new TerraformOutput(this, "hosts", {
      value: [{ role: "main", id: props.hostInstance, address: "127.0.0.1", port, user: "ubuntu" }],
    });
  }
}
