-- The audit trail: who did what to whose data. Appended, never changed, and sealed in a chain of hashes. docs/adr/0010
-- Every key holds `recorded`, so that the table can be partitioned by time without changing one.

create table audit_event (
  id uuid not null,
  recorded timestamptz not null,
  -- what was done: read, search, create, …, send, export, override (src/fhir/audit-row.ts)
  interaction text not null,
  -- `Group/$release` and the like
  operation text,
  type text not null,
  resource_id text,
  version integer,
  -- whose data was handed out, changed or sent
  patients text[] not null,
  -- whose data was within reach
  organisations text[] not null,
  -- the one organisation, or empty for none and for several: the key by which a practice reads its own trail
  organisation text not null generated always as (case cardinality(organisations) when 1 then organisations[1] else '' end) stored,
  client text not null,
  subject text,
  role text,
  name text,
  address text,
  -- AuditEvent.outcome: 0 success, 4 refused, 8 failed
  outcome smallint not null,
  found integer,
  -- the query as it was sent: it may hold patient data, and is kept nowhere else
  query text,
  request_id text,
  -- which part of Holdfast did it
  source text not null,
  -- SHA-256 of all of the above (src/store/audit-digest.ts)
  digest bytea not null,
  -- the transaction that wrote it: a row is sealed once no older transaction is running
  written xid8 not null default pg_current_xact_id(),
  primary key (id, recorded)
);

create index audit_event_order on audit_event (written, id);
create index audit_event_newest on audit_event (organisation, recorded, id);
create index audit_event_about on audit_event using gin ((patients || resource_id));

-- Each seal covers the rows after its predecessor's last one, in the order (written, id), and holds that one's hash.
create table audit_seal (
  number bigint primary key check (number > 0),
  upto_written xid8 not null,
  upto_id uuid not null,
  row_count integer not null check (row_count > 0),
  -- SHA-256 over its rows' digests
  content bytea not null,
  -- SHA-256 over the hash before it and everything above
  hash bytea not null,
  sealed_at timestamptz not null
);

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% is append only', tg_table_name;
end
$$;

create trigger audit_event_append_only before update or delete or truncate on audit_event
  for each statement execute function refuse_change();
create trigger audit_seal_append_only before update or delete or truncate on audit_seal
  for each statement execute function refuse_change();
