/** How extracts reach the inboxes and are opened there, from the configuration. */
import type { IsTaken, SftpSettings } from '#adapters/extract/sftp.ts';
import { createInbox, type OpenBatch } from '#adapters/inbox.ts';
import { readTppSpecification } from '#adapters/tpp/specification.ts';
import type { ExtractConfig } from '#config/extracts.ts';
import type { Logger } from '#ops/log.ts';
import type { PracticeLink } from '#workflow/shell.ts';

export type ExtractParts = ExtractConfig & {
  /** The SFTP server from which a practice's extract is fetched, where it is. */
  readonly sftpOf: (organisation: string) => Omit<SftpSettings, 'privateKey'> | undefined;
};

export type Deliveries = {
  readonly openBatch: OpenBatch;
  /** Brings what is new into a practice's inbox. A failure is logged, and tried again at the next look. */
  readonly fetch: (link: PracticeLink, isTaken: IsTaken) => Promise<void>;
};

/** Throws when a key or the supplier's column list cannot be used: better at the start than on the first night. */
export async function openDeliveries(parts: ExtractParts | undefined, log: Logger): Promise<Deliveries> {
  // Each of the two libraries takes 20 MB: loaded only where extracts come that way.
  const openPgp = parts?.openPgp ? await import('#adapters/extract/openpgp.ts') : undefined;
  const decryption = parts?.openPgp && (await openPgp?.createDecryption(parts.openPgp));
  const tables = parts?.tppSpecification ? readTppSpecification(parts.tppSpecification) : undefined;
  for (const one of [decryption, tables]) if (one && !one.ok) throw new Error(one.failure.message);
  return {
    openBatch: createInbox({
      ...(decryption?.ok ? { decrypt: decryption.value } : {}),
      ...(tables?.ok ? { tppTables: tables.value } : {}),
    }),
    fetch: async ({ organisation, inbox }, isTaken) => {
      const sftp = parts?.sftpOf(organisation);
      if (!parts || !sftp) return;
      const { fetchDeliveries } = await import('#adapters/extract/sftp.ts');
      const fetched = await fetchDeliveries({ ...sftp, privateKey: parts.sftpKey }, inbox, isTaken);
      if (fetched.ok)
        log.info({ event: 'deliveries-fetched', organisation, ...fetched.value }, 'deliveries were fetched');
      else log.warn({ event: 'deliveries-not-fetched', organisation, why: fetched.failure.message }, 'SFTP failed');
    },
  };
}
