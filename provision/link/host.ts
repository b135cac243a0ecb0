import type { Duplex, Readable, Writable } from "node:stream";
import type { Command, Result } from "../base/shell";

export interface RunOptions {
  readonly stdin?: string | Buffer | Readable;
  /** Where standard output goes, byte for byte, instead of into the result. */
  readonly stdout?: Writable;
  /** The same for standard error. */
  readonly stderr?: Writable;
}

/** A machine that runs commands. It never throws for a non-zero exit (the caller decides), only for a lost link. */
export interface Host {
  /** How messages name it: `ubuntu@127.0.0.1:2222`. */
  readonly name: string;
  /** The file where this machine keeps the id of the newest change that its operator knows the end of. */
  readonly memory?: string;
  run(command: Command, options?: RunOptions): Promise<Result>;
  /** A stream to a TCP port on the host's own loopback, through the SSH connection. */
  connect(port: number): Promise<Duplex>;
  /** A new connection in the place of one that was lost. */
  reconnect(): Promise<void>;
}
