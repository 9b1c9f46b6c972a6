/** What a callback is, once it was proved. */

export type CallbackReceived = {
  /** A status of NHS Notify; a text from a patient, or the status of one of ours, by GOV.UK Notify. */
  readonly kind: 'notify' | 'govuk-text' | 'govuk-status';
  /** The exact bytes that were sent. */
  readonly raw: Buffer;
  /** SHA-256 of the bytes, hex, after the practice and a bar where the token named one: the same body delivered twice has the same one. */
  readonly digest: string;
  /** `meta.idempotencyKey` of each item that has one, in order. */
  readonly idempotencyKeys: readonly string[];
  /** Set when the body is signed but not what was expected: keep it, flag it, lose nothing. */
  readonly problem?: 'not-json' | 'no-items' | 'item-without-key';
};

/** What proves that a callback came by GOV.UK Notify, and for which practice: the SHA-256 (hex) of the token entered there. */
export type TextToken = { readonly organisation: string; readonly sha256: string };
