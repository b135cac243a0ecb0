import type { HostOutput } from "../../provision/link/outputs";
import { wayIn } from "../../provision/link/way-in";
import { awsDeployment } from "../support/aws";

const HOST: HostOutput = {
  role: "main",
  id: "i-0abc",
  address: "203.0.113.9",
  port: 22,
  user: "ubuntu",
  privateAddress: "10.20.0.5",
};

test.each<[string, Record<string, unknown>, string | undefined]>([
  ["direct", {}, undefined],
  [
    "ssm",
    { access: "ssm" },
    "aws ssm start-session --target i-0abc --document-name AWS-StartSSHSession --parameters portNumber=22 --region eu-central-1",
  ],
  [
    "eice, with a profile",
    { access: "eice", profile: "ops" },
    "aws ec2-instance-connect open-tunnel --instance-id i-0abc --remote-port 22 --region eu-central-1 --profile ops",
  ],
  [
    "a command of one's own",
    { access: "proxyCommand", proxyCommand: "ssh -W %h:%p -l %r 100%%-%i" },
    "ssh -W 203.0.113.9:22 -l ubuntu 100%-i-0abc",
  ],
])("the way in: %s", (_what, aws, command) => {
  expect(wayIn(awsDeployment("/nowhere", aws), HOST)?.join(" ")).toBe(command);
});

test("a local host is reached directly", () => {
  expect(wayIn({ infrastructure: "local" } as never, HOST)).toBeUndefined();
});
