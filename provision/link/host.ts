import type { Duplex, Readable, Writable } from "node:stream";
import type { Command, Result } from "../base/shell";

export interface RunOptions {
  readonly stdin?: string | Buffer | Readable;
  /** Where standard output goes, byte for byte, instead of into the result. */
  readonly stdout?: Writable;
  /** The same for standard error. */
  readonly stderr?: Writable;
}

/** A machine that runs commands. `run` throws if the link is lost, but not for an exit code: that is for the caller. */
export interface Host {
  /** How messages name it: `ubuntu@127.0.0.1:2222`. */
  readonly name: string;
  /** A file on this machine: it holds the id of the newest change whose end its operator has been told. */
  readonly memory?: string;
  /** The public key that this machine logged in with, as base64. */
  readonly loginKey?: string | undefined;
  run(command: Command, options?: RunOptions): Promise<Result>;
  /** Opens a stream to a TCP port on the host's own loopback, through the SSH connection. */
  connect(port: number): Promise<Duplex>;
  /** Replaces a lost connection by a new one. */
  reconnect(): Promise<void>;
}
