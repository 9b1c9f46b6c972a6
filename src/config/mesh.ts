/** The MESH mailbox of live mode: all of what it needs, or nothing. */
import type { Issue } from '#result.ts';
import type { PracticeConfig } from './practices.ts';
import { type Found, fault } from './values.ts';

export type MeshConfig = {
  readonly baseUrl: string;
  readonly mailbox: string;
  readonly organisation: string;
  readonly password: string;
  readonly sharedKey: string;
  readonly certificate: { readonly certificate: string; readonly key: string; readonly authorities?: string };
};

const NEEDED = [
  'MESH_ORGANISATION',
  'MESH_PASSWORD_FILE',
  'MESH_SHARED_KEY_FILE',
  'MESH_CERTIFICATE_FILE',
  'MESH_KEY_FILE',
] as const;

/** Undefined when no mailbox is named; a fault when one is half described, or a practice needs one. */
export function readMesh(found: Found, practices: readonly PracticeConfig[], issues: Issue[]): MeshConfig | undefined {
  if (found.MESH_MAILBOX === '') {
    const wanting = practices.filter((practice) => practice.writeback === 'send-document');
    if (wanting.length > 0)
      issues.push(fault('MESH_MAILBOX', `is not set; ${wanting.length} practices are written to by document`));
    return undefined;
  }
  for (const name of NEEDED.filter((one) => found[one] === '' && !issues.some((issue) => issue.expression === one)))
    issues.push(fault(name, 'is not set; MESH_MAILBOX is, and needs it'));
  const authorities = found.MESH_CA_FILE;
  return {
    baseUrl: found.MESH_URL,
    mailbox: found.MESH_MAILBOX,
    organisation: found.MESH_ORGANISATION,
    password: found.MESH_PASSWORD_FILE,
    sharedKey: found.MESH_SHARED_KEY_FILE,
    certificate: {
      certificate: found.MESH_CERTIFICATE_FILE,
      key: found.MESH_KEY_FILE,
      ...(authorities ? { authorities } : {}),
    },
  };
}
