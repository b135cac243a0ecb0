/** What a lock file pins, as `name==version`. */
export const pins = (lock: string): string[] => lock.match(/^[\w.-]+==[^\s;\\]+/gm) ?? [];

/** The part of a lock file that is about some packages, with their hashes. @param name matches a package's whole name */
export const packagesOf = (lock: string, name: RegExp): string =>
  lock
    .split(/^(?=[\w.-]+==)/m)
    .filter((block) => name.test(/^[\w.-]+/.exec(block)?.[0] ?? ""))
    .join("");

/** The pins that one lock has and another has not: `- a==1`, `+ a==2`, sorted by name. */
export function changedPins(before: string, after: string): string[] {
  const [old, now] = [new Set(pins(before)), new Set(pins(after))];
  const gone = [...old].filter((pin) => !now.has(pin)).map((pin) => `- ${pin}`);
  const come = [...now].filter((pin) => !old.has(pin)).map((pin) => `+ ${pin}`);
  return [...gone, ...come].sort((a, b) => a.slice(2).localeCompare(b.slice(2)));
}
