/** SQL as a tagged template: values are always bound, fragments nest, and what comes out can be pasted into psql. */

export type Sql = {
  readonly text: string;
  readonly values: unknown[];
  /** Under this name a connection keeps the statement's plan: for shapes that are asked often and have one good plan. */
  readonly name?: string;
};

const FRAGMENT = Symbol('sql');
type Fragment = Sql & { readonly [FRAGMENT]: true; readonly parts: readonly (string | { value: unknown })[] };

/** `sql\`select … where id = ${id}\``; a nested `sql` fragment is spliced in, anything else becomes a bound value. */
export function sql(strings: TemplateStringsArray, ...inserts: readonly unknown[]): Sql {
  const parts: (string | { value: unknown })[] = [];
  strings.forEach((text, index) => {
    parts.push(text);
    if (index >= inserts.length) return;
    const insert = inserts[index];
    if (isFragment(insert)) parts.push(...insert.parts);
    else parts.push({ value: insert });
  });
  return render(parts);
}

/** The statement under a name: each connection plans it once. For what every request asks; the text must be the same each time. */
export function named(name: string, { text, values }: Sql): Sql {
  return { text, values, name };
}

/** Fragments joined by constant text (` and `, `, `); an empty list gives `empty`. */
export function join(fragments: readonly Sql[], separator: string, empty: Sql = sql``): Sql {
  if (fragments.length === 0) return empty;
  return render(
    fragments.flatMap((fragment, index) => {
      const parts = isFragment(fragment) ? fragment.parts : [];
      return index === 0 ? [...parts] : [separator, ...parts];
    }),
  );
}

function render(parts: readonly (string | { value: unknown })[]): Fragment {
  const values: unknown[] = [];
  const text = parts.map((part) => (typeof part === 'string' ? part : `$${values.push(part.value)}`)).join('');
  return { [FRAGMENT]: true, parts, text, values };
}

function isFragment(value: unknown): value is Fragment {
  return typeof value === 'object' && value !== null && FRAGMENT in value;
}
