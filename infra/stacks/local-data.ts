import type { Construct } from "constructs";
import { LocalBackend, TERRAFORM_VERSION, TerraformStack } from "../cdktf";
import { LocalResource } from "../constructs/local-resource";
import type { LocalProps } from "../local-props";

/** What outlives a local host: the Docker volume at /srv/airflow. */
export class LocalDataStack extends TerraformStack {
  constructor(scope: Construct, id: string, props: LocalProps) {
    super(scope, id);
    new LocalBackend(this, { path: "../../../data.tfstate" });
    this.addOverride("terraform.required_version", TERRAFORM_VERSION);
    new LocalResource(this, "data_volume", {
      scripts: props.scripts,
      identity: { VOLUME: props.names.dataVolume, INSTANCE: props.dataInstance },
      environment: { DEPLOYMENT: props.deployment },
      create: "create-volume.sh",
      destroy: "destroy-volume.sh",
      summary: `data volume ${props.names.dataVolume}`,
    });
  }
}
