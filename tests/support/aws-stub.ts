import { IncomingMessage, ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface Answer {
  readonly status?: number;
  readonly body?: string;
  /** If true, the connection is closed without an answer. */
  readonly drop?: boolean;
}

/** A server that answers AWS's calls as a test says; `calls` has the name of each call. */
export interface AwsStub {
  readonly url: string;
  readonly calls: string[];
  /** What each call sent. */
  readonly bodies: string[];
  /** The headers of each call. */
  readonly headers: IncomingMessage["headers"][];
  answer: (action: string) => Answer;
  stop(): Promise<void>;
}

export async function startAwsStub(): Promise<AwsStub> {
  const stub = {
    calls: [] as string[],
    bodies: [] as string[],
    headers: [] as unknown[],
    answer: (): Answer => ({ status: 500 }),
  } as any;
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    let body = "";
    request.on("data", (chunk) => (body += chunk));
    request.on("end", () => {
      const action = new URLSearchParams(body).get("Action") ?? `${request.method} ${request.url}`;
      stub.calls.push(action);
      stub.bodies.push(body);
      stub.headers.push(request.headers);
      const { status = 200, body: text = "", drop } = stub.answer(action) as Answer;
      if (drop) return void request.socket.destroy();
      response.writeHead(status, { "content-type": "text/xml" }).end(text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stub.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  stub.stop = () =>
    new Promise<void>((resolve) => {
      server.closeAllConnections();
      server.close(() => resolve());
    });
  return stub;
}

export const identity = (account: string, arn = `arn:aws:iam::${account}:user/ada`): Answer => ({
  body: `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>${arn}</Arn><UserId>AIDA</UserId><Account>${account}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`,
});

/** A zone that offers every instance type, and its region's zones a, b and c. */
export const offered = (zone: string): Answer => ({
  body: `<X xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><instanceTypeOfferingSet><item><location>${zone}</location></item></instanceTypeOfferingSet><availabilityZoneInfo>${[
    ..."abc",
  ]
    .map((letter) => `<item><zoneName>${zone.slice(0, -1)}${letter}</zoneName></item>`)
    .join("")}</availabilityZoneInfo></X>`,
});

/** Errors in the format of STS, and below in that of EC2. */
export const stsError = (status: number, code: string, message = code): Answer => ({
  status,
  body: `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>1</RequestId></ErrorResponse>`,
});
export const ec2Error = (status: number, code: string, message = code): Answer => ({
  status,
  body: `<Response><Errors><Error><Code>${code}</Code><Message>${message}</Message></Error></Errors><RequestID>1</RequestID></Response>`,
});
export const consoleOutput = (text: string): Answer => ({
  body: `<GetConsoleOutputResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>1</requestId><instanceId>i-0abc</instanceId><timestamp>2026-01-01T00:00:00.000Z</timestamp><output>${Buffer.from(text).toString("base64")}</output></GetConsoleOutputResponse>`,
});

/** Environment variables that hide this machine's own AWS configuration. */
export const awsEnvironmentOf = (url: string): Record<string, string> => ({
  AWS_ENDPOINT_URL: url,
  AWS_ACCESS_KEY_ID: "testing",
  AWS_SECRET_ACCESS_KEY: "testing",
  AWS_EC2_METADATA_DISABLED: "true",
  AWS_CONFIG_FILE: "/dev/null",
  AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
});
