-- Search values of resources, one narrow table per kind, changed with their resource in its transaction. `param` is the
-- number of a search parameter (src/fhir/search-definition.ts), `rid` of a resource, `value` and `target` of what is
-- looked for (src/fhir/search-hash.ts). Every criterion is a range of one index; docs/adr/0009-search-index.md says why.

create extension if not exists pg_trgm;

create table search_token (
  organisation text collate "C" not null,
  param integer not null,
  value bigint not null,
  rid bigint not null,
  primary key (organisation, param, value, rid)
);

create table search_reference (
  organisation text collate "C" not null,
  param integer not null,
  target bigint not null,
  rid bigint not null,
  -- the type that the reference names; null for urls and identifiers
  type text collate "C",
  primary key (organisation, param, target, rid)
);

create index search_reference_of on search_reference (organisation, rid, param, target);

create table search_date (
  organisation text collate "C" not null,
  param integer not null,
  rid bigint not null,
  -- 0, or the key of a composite's first component
  token bigint not null default 0,
  -- milliseconds since 1970, high exclusive
  low bigint not null,
  high bigint not null,
  primary key (organisation, param, rid, token, low, high)
);

create index search_date_value on search_date (organisation, param, token, low, rid, high);
create index search_date_end on search_date (organisation, param, token, high, rid, low);

create table search_number (
  organisation text collate "C" not null,
  param integer not null,
  rid bigint not null,
  token bigint not null default 0,
  -- 0 = whatever the unit
  unit bigint not null default 0,
  low double precision not null,
  high double precision not null,
  primary key (organisation, param, rid, token, unit, low, high)
);

create index search_number_end on search_number (organisation, param, token, unit, high, rid, low);
create index search_number_value on search_number (organisation, param, token, unit, low, rid, high);

create table search_string (
  organisation text collate "C" not null,
  param integer not null,
  rid bigint not null,
  -- 0 = a value, 1 = what a code is called, 2 = the code for sorting, else the key of a composite's first component
  token bigint not null default 0,
  -- lower case, accents folded
  value text collate "C" not null,
  exact bigint not null,
  primary key (organisation, param, rid, token, exact)
);

create index search_string_value on search_string (organisation, param, token, value, rid);
create index search_string_part on search_string using gin (value gin_trgm_ops) where token = 0;

-- What is indexed, and how far: a parameter that is new or changed may be searched only when all rows are there.
create table search_parameter (
  param integer primary key,
  type text collate "C" not null,
  code text collate "C" not null,
  state text not null check (state in ('indexing', 'usable')),
  -- the last resource indexed, in the order of (organisation, rid); null before the first
  organisation text collate "C",
  rid bigint,
  done bigint not null default 0
);

-- The rows of one criterion depend on the practice and the parameter together.
create statistics search_token_shape (mcv, dependencies) on organisation, param, value from search_token;
create statistics search_reference_shape (mcv, dependencies) on organisation, param, target from search_reference;
create statistics search_date_shape (ndistinct, dependencies) on organisation, param, token from search_date;
create statistics search_string_shape (ndistinct, dependencies) on organisation, param, token from search_string;
