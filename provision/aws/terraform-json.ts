/** The resources of a plan in `terraform show -json`, as far as this project reads them. */

/** A resource as it will be. */
export interface PlannedResource {
  readonly type: string;
  readonly values: Readonly<Record<string, any>>;
}

/** What is to be done to a resource. */
export interface ResourceChange {
  /** `aws_instance.host` */
  readonly address: string;
  readonly type: string;
  readonly change: {
    readonly actions: readonly string[];
    readonly before: Readonly<Record<string, any>> | null;
    readonly after: Readonly<Record<string, any>> | null;
    readonly after_unknown?: Readonly<Record<string, any>>;
    readonly replace_paths?: readonly (readonly (string | number)[])[];
  };
}
