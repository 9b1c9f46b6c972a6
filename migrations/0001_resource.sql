-- The FHIR resources: current content, every version, and what is derived from them in the same transaction.
-- organisation is the ODS code that owns the row ('*' for definitions) and leads every key, so that the tables can be
-- partitioned by practice and distributed by the same column.

-- The number by which the index tables name a resource: short, and the same wherever it is computed (src/fhir/search-hash.ts).
create function resource_rid(type text, id text) returns bigint
  language sql immutable strict parallel safe
  return ('x' || encode(substr(sha256(convert_to(type || '/' || id, 'UTF8')), 1, 8), 'hex'))::bit(64)::bigint;

create table resource (
  organisation text collate "C" not null,
  type text collate "C" not null,
  id text collate "C" not null,
  rid bigint not null generated always as (resource_rid(type, id)) stored,
  version integer not null,
  last_updated timestamptz not null,
  deleted boolean not null default false,
  -- the patient whose compartment it is in, for reads of one whole person
  patient text,
  -- where it came from ('emis', 'tpp', 'gp-connect', 'holdfast', 'client'): a feed replaces only what it brought
  source text not null,
  -- fingerprint of the content without version and time: the same content again writes nothing
  hash text not null,
  -- the exact JSON bytes that are served
  content text not null,
  -- the transaction that wrote it: a change feed may be read only below the oldest one still running
  written xid8 not null default pg_current_xact_id(),
  -- numbers of the search parameters that have a value in it, for :missing
  present integer[] not null default '{}',
  primary key (organisation, type, rid)
);

create index resource_patient on resource (organisation, patient, type) where patient is not null;
create index resource_updated on resource (organisation, type, last_updated, rid);

-- news from outside names only the type and id of a message; pages by id walk it too
create index resource_id on resource (type, id, organisation);

create table resource_version (
  organisation text not null,
  type text not null,
  id text not null,
  version integer not null,
  last_updated timestamptz not null,
  deleted boolean not null default false,
  content text not null,
  written xid8 not null default pg_current_xact_id(),
  primary key (organisation, type, id, version)
);

-- Clinical facts: what need rules ask about, one narrow row each, fed with the resource that states them.
create table clinical_fact (
  organisation text not null,
  patient text not null,
  resource_type text not null,
  resource_id text not null,
  ordinal smallint not null,
  kind text not null,
  code text not null,
  date date,
  value double precision,
  unit text,
  supply_days integer,
  primary key (organisation, patient, resource_type, resource_id, ordinal)
);

create index clinical_fact_code on clinical_fact (organisation, patient, code, date desc);

-- The members of each value set that a rule names, expanded once when the definitions are loaded.
create table value_set_member (
  value_set text not null,
  code text not null,
  primary key (value_set, code)
);

create index value_set_member_code on value_set_member (code);
