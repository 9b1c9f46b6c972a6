-- The FHIR resources: current content, every version, and what is derived from them in the same transaction.
-- organisation is the ODS code that owns the row ('*' for definitions) and leads every key, so that the tables can be
-- partitioned by practice and distributed by the same column.

-- Stamps: the time at which a change happened, as microseconds since 1970. Given out strictly rising, together with the
-- transaction id, so that both rise together: whatever lies below the oldest transaction still running is complete for
-- ever, in the order of its stamps. A clock that goes back does not take the stamps with it. docs/adr/0012
create sequence write_stamp as bigint;

-- The first of `many` stamps for the present transaction. To be called before anything else in it takes a transaction
-- id. `at`: the time by another clock than the server's.
create function begin_write(at timestamptz, many bigint) returns bigint language plpgsql as $$
declare
  stamp bigint;
begin
  perform pg_advisory_lock(hashtextextended('write_stamp', 0));
  if pg_current_xact_id_if_assigned() is not null then
    perform pg_advisory_unlock(hashtextextended('write_stamp', 0));
    raise exception 'a transaction that has begun to write cannot be stamped';
  end if;
  perform pg_current_xact_id();
  select greatest((extract(epoch from coalesce(at, clock_timestamp())) * 1000000)::bigint, last_value + 1) into stamp from write_stamp;
  perform setval('write_stamp', stamp + many - 1);
  perform pg_advisory_unlock(hashtextextended('write_stamp', 0));
  return stamp;
end
$$;

create table resource (
  organisation text not null,
  type text not null,
  id text not null,
  version integer not null,
  -- a stamp, and what meta.lastUpdated says
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
  primary key (organisation, type, id)
);

create index resource_patient on resource (organisation, patient, type) where patient is not null;
create index resource_updated on resource (organisation, type, last_updated, id);

-- news from outside names only the id of a message
create index resource_id on resource (id);

create table resource_version (
  organisation text not null,
  type text not null,
  id text not null,
  version integer not null,
  last_updated timestamptz not null,
  deleted boolean not null default false,
  content text not null,
  -- the patient whose compartment it was in
  patient text,
  written xid8 not null default pg_current_xact_id(),
  primary key (organisation, type, id, version)
);

-- what was changed, in order: of one type at one practice, and of everything for what watches everything
create index resource_version_changed on resource_version (organisation, type, last_updated, id);
create index resource_version_all_changes on resource_version (last_updated);

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
