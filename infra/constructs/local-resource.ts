import type { Construct } from "constructs";
import { DataResource, LocalExecProvisioner, escaped } from "../cdktf";

export interface LocalResourceProps {
  /** Directory of the scripts, relative to the stack's. */
  readonly scripts: string;
  /** If one of these changes, the resource is replaced. Both scripts get them as environment variables, `destroy` gets the old values. */
  readonly identity: Record<string, string>;
  readonly create: string;
  /** @default nothing is done */
  readonly destroy?: string;
  /** More environment variables for `create`. If they change, an existing resource stays as it is. */
  readonly environment?: Record<string, string>;
  readonly dependsOn?: readonly LocalResource[];
  /** What `make plan` calls it. */
  readonly summary: string;
  /** What `make plan` says is done to it. @default Terraform's own word: create, replace, … */
  readonly verb?: string;
}

/** A resource on this machine that scripts make and remove. Terraform needs to download no provider for it. */
export class LocalResource extends DataResource {
  constructor(scope: Construct, id: string, props: LocalResourceProps) {
    const { scripts, identity, create, destroy, environment = {} } = props;
    const remembered = Object.fromEntries(Object.keys(identity).map((key) => [key, `\${self.output.${key}}`]));
    const provisioners: LocalExecProvisioner[] = [
      {
        type: "local-exec",
        workingDir: scripts,
        command: `sh ${create}`,
        environment: { ...escapedAll(environment), ...escapedAll(identity) },
      },
    ];
    // When a resource is destroyed, its script may use `self` only, so the output keeps a copy of the identity.
    if (destroy) {
      provisioners.push({
        type: "local-exec",
        workingDir: scripts,
        command: `sh ${destroy}`,
        environment: remembered,
        when: "destroy",
      });
    }
    super(scope, id, {
      input: escapedAll(identity),
      triggersReplace: escapedAll(identity),
      provisioners,
      dependsOn: [...(props.dependsOn ?? [])],
    });
    this.addOverride("//.summary", props.summary);
    if (props.verb) this.addOverride("//.verb", props.verb);
  }
}

const escapedAll = (texts: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, escaped(text)]));
