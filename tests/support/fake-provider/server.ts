import { spawn } from "node:child_process";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { schemas } from "./bindings";
import { FakeAws, handlers } from "./provider";

export interface FakeProvider {
  readonly aws: FakeAws;
  /** What terraform needs in its environment. */
  readonly env: Readonly<Record<string, string>>;
  stop(): void;
}

/** Serves a stand-in for the AWS provider on loopback: an empty account, in one region. */
export async function startFakeProvider(options: Partial<FakeAws> = {}): Promise<FakeProvider> {
  const aws: FakeAws = {
    account: "123456789012",
    region: "eu-central-1",
    ip: "127.0.0.1",
    ami: "ami-00000000000000001",
    calls: [],
    gone: new Set(),
    ...options,
  };
  const protocol = loadSync(join(__dirname, "tfplugin5.proto"), { keepCase: true, longs: Number });
  const { Provider } = (grpc.loadPackageDefinition(protocol) as any).tfplugin5;
  const limits = { "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 };
  const server = new grpc.Server(limits);
  const implementation = Object.entries(handlers(aws, schemas())).map(([name, answer]) => [name, called(answer)]);
  server.addService(Provider.service, Object.fromEntries(implementation));
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  const at = {
    Protocol: "grpc",
    ProtocolVersion: 5,
    Pid: process.pid,
    Test: true,
    Addr: { Network: "tcp", String: `127.0.0.1:${port}` },
  };
  // Terraform's registry and OpenTofu's.
  const reattach = { "registry.terraform.io/hashicorp/aws": at, "registry.opentofu.org/hashicorp/aws": at };
  return { aws, env: { TF_REATTACH_PROVIDERS: JSON.stringify(reattach) }, stop: () => server.forceShutdown() };
}

const called =
  (answer: (request: any) => object): grpc.handleUnaryCall<any, any> =>
  async ({ request }, reply) => {
    try {
      reply(null, await answer(request));
    } catch (error) {
      reply({ code: grpc.status.INTERNAL, message: String((error as Error).stack) });
    }
  };

// To run it by hand: node --require tsx/cjs server.ts terraform -chdir=DIR plan
if (require.main === module) {
  void startFakeProvider({ ...(process.env["FAKE_AWS_IP"] && { ip: process.env["FAKE_AWS_IP"] }) }).then((provider) => {
    const [program, ...args] = process.argv.slice(2);
    const child = spawn(program!, args, { stdio: "inherit", env: { ...process.env, ...provider.env } });
    child.on("exit", (code) => {
      provider.stop();
      process.exitCode = code ?? 1;
    });
  });
}
