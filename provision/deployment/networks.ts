/** An IPv4 network: its first address as a number, and how many leading bits are fixed. */
export interface Network {
  readonly first: number;
  readonly bits: number;
}

/** Parses `203.0.113.0/24`; undefined for anything else, such as leading zeros, host bits or IPv6. */
export function parseNetwork(text: string): Network | undefined {
  const match = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\/(0|[1-9]\d?)$/.exec(text);
  if (!match) return undefined;
  const [a, b, c, d, bits] = match.slice(1).map(Number) as [number, number, number, number, number];
  if (Math.max(a, b, c, d) > 255 || bits > 32) return undefined;
  const first = ((a * 256 + b) * 256 + c) * 256 + d;
  return first % 2 ** (32 - bits) === 0 ? { first, bits } : undefined;
}

export const contains = (outer: Network, inner: Network): boolean =>
  outer.bits <= inner.bits && Math.floor(inner.first / 2 ** (32 - outer.bits)) * 2 ** (32 - outer.bits) === outer.first;

export const overlaps = (a: Network, b: Network): boolean => contains(a, b) || contains(b, a);

/** The nth (from 0) of the 2^moreBits equal parts of a network. */
export function part({ first, bits }: Network, moreBits: number, n: number): string {
  const start = first + n * 2 ** (32 - bits - moreBits);
  return `${[24, 16, 8, 0].map((shift) => Math.floor(start / 2 ** shift) % 256).join(".")}/${bits + moreBits}`;
}

const named = (...texts: string[]): Network[] => texts.map((text) => parseNetwork(text)!);

const PRIVATE = named("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16");
/** Networks from which no packet comes over the internet: carrier NAT, loopback, link-local, multicast, reserved. */
const UNROUTED = named("0.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3");

export const isPrivate = (network: Network): boolean => PRIVATE.some((range) => contains(range, network));
export const isPublic = (network: Network): boolean =>
  ![...PRIVATE, ...UNROUTED].some((range) => overlaps(range, network));
