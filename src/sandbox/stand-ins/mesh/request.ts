/** A request to the MESH stand-in and its answer, as both halves of it see them. */
import type { Answer } from '#sandbox/stand-ins/serving.ts';

/** One request as the parts below see it. */
export type MeshRequest = {
  readonly mailbox: string;
  readonly query: URLSearchParams;
  readonly params: Readonly<Record<string, string>>;
  readonly header: (name: string) => string;
  readonly body: Buffer;
  /** 2 when the caller accepts it. */
  readonly version: 1 | 2;
};

export type MeshAnswer = Answer & { readonly bytes?: Buffer };
export type Handle = (request: MeshRequest) => MeshAnswer;

/** The contract's validation error. */
export function invalid(names: readonly string[], place: 'header' | 'query' | 'path'): MeshAnswer {
  const detail = names.map((name) => ({ loc: [place, name], msg: 'field required or wrong', type: 'value_error' }));
  return { status: 400, headers: { 'content-type': 'application/json' }, body: { detail } };
}
