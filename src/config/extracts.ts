/** How extracts are delivered in live mode: the keys of encrypted ones, the supplier's own column list, the SFTP key. */
import type { Issue } from '#result.ts';
import type { PracticeConfig } from './practices.ts';
import { type Found, fault } from './values.ts';

export type ExtractConfig = {
  /** Absent: nothing is encrypted. */
  readonly openPgp?: { readonly privateKey: string; readonly passphrase: string; readonly senderKeys: string };
  /** Text of TPP's specification file; '' where ours is used. */
  readonly tppSpecification: string;
  readonly sftpKey: string;
};

/** A fault when one key is there without the other, or a practice is fetched by SFTP and there is no key for it. */
export function readExtracts(found: Found, practices: readonly PracticeConfig[], issues: Issue[]): ExtractConfig {
  const privateKey = found.EXTRACT_KEY_FILE;
  const senderKeys = found.EXTRACT_SENDER_KEYS_FILE;
  if ((privateKey === '') !== (senderKeys === '')) {
    const [missing, given] =
      privateKey === ''
        ? (['EXTRACT_KEY_FILE', 'EXTRACT_SENDER_KEYS_FILE'] as const)
        : (['EXTRACT_SENDER_KEYS_FILE', 'EXTRACT_KEY_FILE'] as const);
    issues.push(fault(missing, `is not set; ${given} is, and one is of no use without the other`));
  }
  if (found.EXTRACT_SFTP_KEY_FILE === '' && practices.some(({ sftp }) => sftp !== undefined))
    issues.push(fault('EXTRACT_SFTP_KEY_FILE', 'is not set; a practice is fetched by SFTP and needs it'));
  const passphrase = found.EXTRACT_PASSPHRASE_FILE.trimEnd();
  return {
    ...(privateKey !== '' && senderKeys !== '' ? { openPgp: { privateKey, passphrase, senderKeys } } : {}),
    tppSpecification: found.TPP_SPECIFICATION_FILE,
    sftpKey: found.EXTRACT_SFTP_KEY_FILE,
  };
}
