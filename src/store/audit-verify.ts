/** The audit trail recomputed from its rows: what was altered, removed or added is found, and the place named. */
import { contentDigest, rowDigest, sealHash } from './audit-digest.ts';
import type { Database } from './database.ts';
import { sql } from './sql.ts';

export type Breach = {
  readonly kind:
    | 'row-altered'
    | 'rows-missing'
    | 'rows-added'
    | 'rows-replaced'
    | 'seal-altered'
    | 'seal-missing'
    | 'anchor-differs';
  /** The number of the seal; absent for rows that are not sealed yet. */
  readonly seal?: number;
  /** Ids of the rows that differ, as far as they can be told; the first five. */
  readonly rows?: readonly string[];
  readonly message: string;
};

export type Anchor = { readonly number: number; readonly hash: string };

export type Verdict = {
  readonly breaches: readonly Breach[];
  readonly seals: number;
  /** Rows under a seal that were recomputed, and rows not sealed yet. */
  readonly rows: number;
  readonly unsealed: number;
  /** The last seal, to be kept outside as the next anchor. */
  readonly last?: Anchor & { readonly sealedAt: string };
};

type Options = {
  /** A seal that was noted outside earlier: it must still be there. */
  readonly anchor?: Anchor;
  /** The first seal whose rows are still kept; of those before it only the chain is checked. */
  readonly rowsFrom?: number;
};

type CheckedSeal = {
  readonly number: number;
  readonly follows: boolean;
  readonly linked: boolean;
  readonly expected: number;
  readonly found: number;
  readonly fits: boolean;
  readonly altered: readonly string[] | null;
  readonly hash: string;
  readonly sealed_at: string;
};

const CHUNK = 50;
const MOST_BREACHES = 100;

/** Recomputes every digest, every seal and the links between them; stops at about the hundredth breach. Reads only. */
export async function verifyAudit(db: Database, options: Options = {}): Promise<Verdict> {
  const { anchor, rowsFrom = 1 } = options;
  const breaches: Breach[] = [];
  let [seals, rows] = [0, 0];
  let last: CheckedSeal | undefined;
  let checked: readonly CheckedSeal[];
  do {
    checked = await checkSeals(db, last?.number ?? 0, rowsFrom);
    breaches.push(...checked.flatMap((seal) => [...breachesOf(seal, rowsFrom), ...anchorBreach(seal, anchor)]));
    seals += checked.length;
    rows += checked.reduce((sum, { found }) => sum + found, 0);
    last = checked.at(-1) ?? last;
  } while (checked.length === CHUNK && breaches.length < MOST_BREACHES);
  if (anchor && anchor.number > (last?.number ?? 0)) breaches.push(differs(anchor));
  const open = await checkUnsealed(db);
  if (open.altered) breaches.push(alteredRows(open.altered, undefined));
  return {
    breaches,
    seals,
    rows,
    unsealed: open.count,
    ...(last ? { last: { number: last.number, hash: last.hash, sealedAt: last.sealed_at } } : {}),
  };
}

function anchorBreach(seal: CheckedSeal, anchor: Anchor | undefined): Breach[] {
  return seal.number === anchor?.number && seal.hash !== anchor.hash.toLowerCase() ? [differs(anchor)] : [];
}

async function checkSeals(db: Database, after: number, rowsFrom: number): Promise<CheckedSeal[]> {
  const { rows } = await db.query<CheckedSeal>(sql`
    select s.number, s.number = 1 or p.number is not null as follows, s.hash = ${sealHash(sql`p.hash`)} as linked,
      s.row_count as expected, of_rows.found, of_rows.content = s.content as fits, of_rows.altered,
      encode(s.hash, 'hex') as hash, to_char(s.sealed_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as sealed_at
    from (select * from audit_seal where number > ${after} order by number limit ${CHUNK}) as s
    left join audit_seal p on p.number = s.number - 1
    cross join lateral (
      select count(*) as found, ${contentDigest} as content,
        (array_agg(r.id::text order by r.written, r.id) filter (where r.digest is distinct from ${rowDigest}))[1:5] as altered
      from audit_event r
      where s.number >= ${rowsFrom}
        and (r.written, r.id) > (coalesce(p.upto_written, '0'::xid8), coalesce(p.upto_id, '00000000-0000-0000-0000-000000000000'::uuid))
        and (r.written, r.id) <= (s.upto_written, s.upto_id)
    ) as of_rows
    order by s.number`);
  return rows;
}

function breachesOf(seal: CheckedSeal, rowsFrom: number): Breach[] {
  const { number } = seal;
  if (!seal.follows)
    return [{ kind: 'seal-missing', seal: number, message: `Seal ${number} has no seal ${number - 1} before it` }];
  const chain: Breach[] = seal.linked
    ? []
    : [
        {
          kind: 'seal-altered',
          seal: number,
          message: `Seal ${number} does not have the hash of what it holds and of the seal before it`,
        },
      ];
  return number < rowsFrom ? chain : [...chain, ...contentBreaches(seal)];
}

function contentBreaches({ number, expected, found, fits, altered }: CheckedSeal): Breach[] {
  if (altered) return [alteredRows(altered, number)];
  if (found !== expected)
    return [
      {
        kind: found < expected ? 'rows-missing' : 'rows-added',
        seal: number,
        message: `Seal ${number} was made over ${expected} rows, and ${found} are there`,
      },
    ];
  if (fits) return [];
  return [
    {
      kind: 'rows-replaced',
      seal: number,
      message: `Seal ${number} was made over other rows: as many are there, each fits its own digest, and together they are not what was sealed`,
    },
  ];
}

function alteredRows(rows: readonly string[], seal: number | undefined): Breach {
  const where = seal === undefined ? 'not sealed yet' : `under seal ${seal}`;
  return {
    kind: 'row-altered',
    ...(seal === undefined ? {} : { seal }),
    rows,
    message: `Rows ${where} do not have the digest of their content: ${rows.join(', ')}`,
  };
}

function differs({ number }: Anchor): Breach {
  return {
    kind: 'anchor-differs',
    seal: number,
    message: `Seal ${number} is not the one whose hash was noted: the chain was cut off or made anew`,
  };
}

async function checkUnsealed(db: Database): Promise<{ count: number; altered: readonly string[] | null }> {
  const { rows } = await db.query<{ count: number; altered: string[] | null }>(sql`
    select count(*) as count, (array_agg(r.id::text) filter (where r.digest is distinct from ${rowDigest}))[1:5] as altered
    from audit_event r
    where (r.written, r.id) > (
      coalesce((select upto_written from audit_seal order by number desc limit 1), '0'::xid8),
      coalesce((select upto_id from audit_seal order by number desc limit 1), '00000000-0000-0000-0000-000000000000'::uuid))`);
  return rows[0] ?? { count: 0, altered: null };
}
