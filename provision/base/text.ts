/** Values as text for people. */

/** Removes escape sequences and control characters, except new lines and tabs. */
export const withoutControls = (text: string): string =>
  // eslint-disable-next-line no-control-regex
  text.replace(/\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, "");

/**
 * Removes what can control a terminal: control characters, and also the characters that override the direction of
 * writing (https://trojansource.codes) or break lines.
 */
export const printable = (text: string): string =>
  withoutControls(text).replace(/[\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, "");

/** Indents every line that is not empty by this many spaces. */
export const indent = (text: string, by: number): string => text.replace(/^(?=.)/gm, " ".repeat(by));

/** Formats seconds: `0.4 s`, `12 s`, `2 min 5 s`. */
export function duration(seconds: number): string {
  if (Number.isInteger(seconds) && seconds < 60) return `${seconds} s`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

const DAY = 86_400;

/** Formats an age in seconds: `40 s`, `12 min`, `5 hours`, `3 days`. */
export function age(seconds: number): string {
  const of = (count: number, unit: string): string => `${count} ${unit}${count === 1 ? "" : "s"}`;
  if (seconds < 120) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 2 * DAY ? of(Math.floor(seconds / 3600), "hour") : of(Math.floor(seconds / DAY), "day");
}

/** Formats bytes: `812 B`, `3.4 MiB`. */
export function size(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (bytes >= 1024 && unit < units.length - 1) {
    bytes /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? bytes : bytes.toFixed(1)} ${units[unit]}`;
}
