/** A receiver of notifications on loopback: keeps what it was sent, and answers as the test says. */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { Bundle, BundleEntry, Parameters, ParametersParameter } from '#fhir/types.ts';

export type Received = { readonly headers: IncomingHttpHeaders; readonly bundle: Bundle; readonly status: number };

/** How to answer a notification. */
export type Behaviour = (
  bundle: Bundle,
  nth: number,
) => { status: number; headers?: Record<string, string> } | undefined;

export type Receiver = {
  readonly url: string;
  readonly received: Received[];
  /** `undefined` from the behaviour answers 200. */
  behave: Behaviour;
  /** Breaks every connection and takes no more until `start`. */
  readonly stop: () => Promise<void>;
  readonly start: () => Promise<void>;
};

/** What tap's `t` is to this file. */
type Test = { teardown(end: () => unknown): void };

export async function openReceiver(t: Test): Promise<Receiver> {
  let server: Server | undefined;
  let port = 0;
  const receiver = {
    url: '',
    received: [] as Received[],
    behave: (() => undefined) as Behaviour,
    start: () =>
      new Promise<void>((resolve, reject) => {
        const opened = createServer((request, response) => {
          const chunks: Buffer[] = [];
          request.on('data', (chunk: Buffer) => chunks.push(chunk));
          request.on('end', () => {
            const bundle = JSON.parse(Buffer.concat(chunks).toString()) as Bundle;
            const { status, headers = {} } = receiver.behave(bundle, receiver.received.length) ?? { status: 200 };
            receiver.received.push({ headers: request.headers, bundle, status });
            response.writeHead(status, headers).end();
          });
        });
        server = opened;
        opened.on('error', reject);
        opened.listen(port, '127.0.0.1', () => {
          port = (opened.address() as AddressInfo).port;
          receiver.url = `http://127.0.0.1:${port}/notify`;
          resolve();
        });
      }),
    stop: () =>
      new Promise<void>((resolve) => {
        server?.close(() => resolve());
        server?.closeAllConnections();
      }),
  };
  await receiver.start();
  t.teardown(receiver.stop);
  return receiver;
}

export function statusOf(bundle: Bundle): Parameters {
  return bundle.entry?.[0]?.resource as Parameters;
}

export function typeOf(bundle: Bundle): string {
  return named(bundle, 'type')[0]?.valueCode ?? '';
}

function named(bundle: Bundle, name: string): ParametersParameter[] {
  return (statusOf(bundle).parameter ?? []).filter((one) => one.name === name);
}

export type Told = { readonly number: number; readonly focus: string | undefined };

/** The events of a bundle: number and focus (`Task/1`) of each. */
export function eventsIn(bundle: Bundle): Told[] {
  return named(bundle, 'notification-event').map(({ part = [] }) => ({
    number: Number(part.find((one) => one.name === 'event-number')?.valueString),
    focus: part
      .find((one) => one.name === 'focus')
      ?.valueReference?.reference?.split('/')
      .slice(-2)
      .join('/'),
  }));
}

/** The entries after the status. */
export function entriesIn(bundle: Bundle): BundleEntry[] {
  return (bundle.entry ?? []).slice(1);
}

/** Events of everything that was answered with 2xx, in the order in which it came. */
export function accepted({ received }: Pick<Receiver, 'received'>): Told[] {
  return received.filter(({ status }) => status < 300).flatMap(({ bundle }) => eventsIn(bundle));
}

/** Waits until something holds; fails loudly when it never does. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, seconds = 20): Promise<void> {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; ) {
    if (await holds()) return;
    await pause(25);
  }
  throw new Error(`Waited ${seconds} s in vain until ${what}`);
}
