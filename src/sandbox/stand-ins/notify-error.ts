/** NHS Notify's errors, in the shape of JSON:API. facts: nhs-apis §3.5 */
import type { Answer } from './serving.ts';

export type NotifyError = {
  readonly code: string;
  readonly title: string;
  readonly source?: { readonly pointer?: string; readonly header?: string };
};

/** An answer of up to 100 errors of one HTTP status. */
export function refuseNotify(status: number, ...errors: readonly NotifyError[]): Answer {
  const shown = errors.slice(0, 100).map(({ code, title, source }, at) => ({
    id: `rrt-${at}-${code}`,
    code,
    links: { about: 'https://digital.nhs.uk/developer/api-catalogue/nhs-notify' },
    status: String(status),
    title,
    detail: title,
    ...(source ? { source } : {}),
  }));
  return { status, body: { errors: shown } };
}
