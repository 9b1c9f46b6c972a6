/** A `fetch` that shows this client's certificate (mutual TLS), as MESH wants it. */
import { createSecureContext } from 'node:tls';
import { Agent, fetch as undiciFetch } from 'undici';

export type ClientCertificate = {
  /** PEM: the certificate and those that signed it. */
  readonly certificate: string;
  /** PEM. */
  readonly key: string;
  /** PEM: the authorities that the server's certificate must come from; the system's own when left out. */
  readonly authorities?: string;
};

/** Connections are kept and used again. Throws when the PEM texts are none, so that a start fails and not the first call. */
export function fetchWithCertificate({ certificate, key, authorities }: ClientCertificate): typeof fetch {
  const secureContext = createSecureContext({
    cert: certificate,
    key,
    minVersion: 'TLSv1.2',
    ...(authorities ? { ca: authorities } : {}),
  });
  const dispatcher = new Agent({ connect: { secureContext } });
  // The library's own fetch, because a dispatcher belongs to the version that made it; both follow the same standard.
  const send = (input: unknown, init: object | undefined) =>
    undiciFetch(input as Parameters<typeof undiciFetch>[0], { ...init, dispatcher });
  return send as unknown as typeof fetch;
}
