/** The only import of cdktf: a move to its fork `cdktn` is a rename here. */
export { App, DataResource, Fn, LocalBackend, TerraformOutput, TerraformStack, Testing } from "cdktf";
export type { LocalExecProvisioner } from "cdktf";
