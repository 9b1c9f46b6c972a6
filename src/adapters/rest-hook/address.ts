/**
 * Where notifications may go: to public addresses by https, and to private ones that the operator has named. Subscribers
 * choose the address, so without this every client could make the server call its own network.
 */
import { lookup as resolve } from 'node:dns';
import type { LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { fail, ok, type Result } from '#result.ts';

export type AddressRules = {
  readonly isHostAllowed: (host: string) => boolean;
  readonly isAddressAllowed: (address: string) => boolean;
};

/** `allowed`: host names, addresses and CIDR ranges that may be called though they are private, and without TLS. */
export function addressRules(allowed: readonly string[]): AddressRules {
  const hosts = new Set(allowed.map((one) => one.toLowerCase()));
  const ranges = allowed.flatMap(rangeOf);
  const isNamed = (address: string) => {
    const parsed = ipaddr.process(address);
    return ranges.some(([network, bits]) => network.kind() === parsed.kind() && parsed.match(network, bits));
  };
  return {
    isHostAllowed: (host) => hosts.has(host.toLowerCase()) || (ipaddr.isValid(host) && isNamed(host)),
    isAddressAllowed: (address) => ipaddr.process(address).range() === 'unicast' || isNamed(address),
  };
}

function rangeOf(entry: string): [ipaddr.IPv4 | ipaddr.IPv6, number][] {
  if (ipaddr.isValidCIDR(entry)) return [ipaddr.parseCIDR(entry)];
  if (!ipaddr.isValid(entry)) return [];
  const address = ipaddr.process(entry);
  return [[address, address.kind() === 'ipv4' ? 32 : 128]];
}

/** What can be said of a URL without asking for its address: `forbidden` when it may never be called. */
export function checkUrl(text: string, rules: AddressRules): Result<URL> {
  const url = new URL(text);
  const host = hostOf(url);
  if (rules.isHostAllowed(host)) return ok(url);
  if (url.protocol !== 'https:')
    return fail('forbidden', 'The endpoint is not https, and its host is not one that may be called without');
  if (ipaddr.isValid(host) && !rules.isAddressAllowed(host)) return fail('forbidden', FORBIDDEN);
  return ok(url);
}

export const FORBIDDEN = 'The endpoint is at a private address, which this server does not call';
export const FORBIDDEN_CODE = 'ERR_PRIVATE_ADDRESS';

function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}

type Resolve = typeof resolve;

/**
 * Resolves a host for one connection and gives exactly the addresses that were checked: a name that answers otherwise
 * the next time gains nothing. One private address among them refuses them all.
 */
export function checkedLookup(rules: AddressRules, ask: Resolve = resolve): LookupFunction {
  return (host, options, done) => {
    ask(host, { ...options, all: true }, (error, addresses) => {
      if (error) return done(error, []);
      const isForbidden =
        !rules.isHostAllowed(host) && addresses.some(({ address }) => !rules.isAddressAllowed(address));
      if (isForbidden || addresses.length === 0) {
        return done(Object.assign(new Error(FORBIDDEN), { code: FORBIDDEN_CODE }), []);
      }
      const [first] = addresses;
      if (options.all) return done(null, addresses);
      return done(null, first?.address ?? '', first?.family);
    });
  };
}
