import { DataAwsAmi } from "@cdktf/provider-aws/lib/data-aws-ami";
import { EipAssociation } from "@cdktf/provider-aws/lib/eip-association";
import { Instance } from "@cdktf/provider-aws/lib/instance";
import { NetworkInterface } from "@cdktf/provider-aws/lib/network-interface";
import { VolumeAttachment } from "@cdktf/provider-aws/lib/volume-attachment";
import type { Construct } from "constructs";
import { UserError } from "../../../provision/base/errors";
import type { AwsProps } from "../../aws-props";
import { DataResource, escaped } from "../../cdktf";
import type { DataIds } from "./data-ids";
import type { Firewall } from "./firewall";
import type { HostRole } from "./host-role";
import type { Network } from "./network";

/** The EC2 instance. It holds nothing that cannot be made again. */
export function host(
  scope: Construct,
  props: AwsProps,
  network: Network,
  { group, waysOut }: Firewall,
  { profile, policies }: HostRole,
  data: DataIds,
): Instance {
  const { name, image, instanceType, rootGiB } = props;
  const ami = new DataAwsAmi(scope, "image", {
    mostRecent: true,
    owners: [image.owner],
    filter: [
      { name: "name", values: [image.name] },
      { name: "architecture", values: [image.architecture] },
      { name: "virtualization-type", values: ["hvm"] },
      { name: "root-device-type", values: ["ebs"] },
    ],
  });
  // A newer image of the same kind does not replace the host; another system or processor does.
  const kind = new DataResource(scope, "kind", {
    input: { os: image.os, architecture: image.architecture },
    triggersReplace: { os: image.os, architecture: image.architecture },
  });
  // Made before the host, so that its first boot reaches the internet.
  const card = new NetworkInterface(scope, "host_interface", {
    subnetId: network.subnet.id,
    securityGroups: [group.id],
    description: "Airflow host",
    tags: { Name: name },
  });
  const address = new EipAssociation(scope, "address_use", {
    allocationId: data.addressId,
    networkInterfaceId: card.id,
    dependsOn: [network.route],
  });
  const instance = new Instance(scope, "host", {
    ami: ami.id,
    instanceType,
    primaryNetworkInterface: { networkInterfaceId: card.id },
    iamInstanceProfile: profile.name,
    ebsOptimized: true,
    // Status checks come every minute without it, and nothing here reads more.
    monitoring: false,
    disableApiTermination: true,
    // Terraform may still terminate the host, after somebody has confirmed it: the protection is against mistakes.
    forceDestroy: true,
    instanceInitiatedShutdownBehavior: "stop",
    metadataOptions: {
      httpEndpoint: "enabled",
      httpTokens: "required",
      // Containers are one hop further away, so DAGs cannot get the host's permissions.
      httpPutResponseHopLimit: 1,
      httpProtocolIpv6: "disabled",
      instanceMetadataTags: "disabled",
    },
    maintenanceOptions: { autoRecovery: "default" },
    rootBlockDevice: {
      volumeType: "gp3",
      volumeSize: rootGiB,
      encrypted: true,
      kmsKeyId: data.keyArn,
      deleteOnTermination: true,
      tags: { Name: `${name}-root` },
    },
    userData: escaped(userData(props)),
    userDataReplaceOnChange: false,
    lifecycle: {
      ignoreChanges: ["ami", "user_data", "user_data_base64", "key_name", "associate_public_ip_address"],
      replaceTriggeredBy: [`${kind.terraformResourceType}.${kind.friendlyUniqueId}`],
    },
    dependsOn: [address, ...waysOut, ...policies],
    tags: { Name: name },
  });
  new VolumeAttachment(scope, "data_attachment", {
    deviceName: "/dev/sdf",
    volumeId: data.volumeId,
    instanceId: instance.id,
    // The volume must not be detached from under a running database.
    stopInstanceBeforeDetaching: true,
  });
  return instance;
}

/** Bytes of user data that EC2 allows: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html */
const USER_DATA_LIMIT = 16 * 1024;

/** Lets operators log in, and makes one host key, which cloud-init prints on the console. Provisioning does all the rest. */
function userData({ authorizedKeys, deployment }: AwsProps): string {
  const text = `#cloud-config\n${JSON.stringify(
    {
      disable_root: true,
      ssh_pwauth: false,
      ssh_deletekeys: true,
      ssh_genkeytypes: ["ed25519"],
      ssh: { emit_keys_to_console: true },
      ssh_authorized_keys: authorizedKeys,
      package_update: false,
      package_upgrade: false,
    },
    undefined,
    1,
  )}\n`;
  const bytes = Buffer.byteLength(text);
  if (bytes <= USER_DATA_LIMIT) return text;
  throw new UserError(
    `the ${authorizedKeys.length} SSH keys of \`operators\` in deployments/${deployment}.yaml make ${bytes} bytes of user data: EC2 allows ${USER_DATA_LIMIT}`,
    "short keys (ssh-keygen -t ed25519) leave room for more",
  );
}
