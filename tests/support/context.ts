import { makeContext } from "../../provision/base/context";

/** The context of a test: this process' own standard error (see capture.ts) and signals. */
export const context = makeContext();
