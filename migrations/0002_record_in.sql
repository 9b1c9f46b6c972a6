-- Record intake: what was received, kept beside what it became, and how fresh it is.

-- One row per input resource or row of the last translation of a patient: the loss report.
create table source_record (
  organisation text not null,
  feed text not null,
  patient text not null,
  type text not null,
  key text not null,
  place text not null,
  result text not null check (result in ('resource', 'excluded', 'error')),
  reference text,
  reason text,
  content text,
  received_at timestamptz not null,
  primary key (organisation, feed, patient, type, key)
);

-- Rows of extracts as received, the last one of each key.
create table feed_row (
  organisation text not null,
  feed text not null,
  table_name text not null,
  key text not null,
  patient_key text,
  ordering bigint not null,
  batch text not null,
  file text not null,
  line integer not null,
  deleted boolean not null default false,
  cells jsonb not null,
  primary key (organisation, feed, table_name, key)
);

create index feed_row_patient on feed_row (organisation, feed, patient_key) where patient_key is not null;

-- Rows that could not be read at all: kept with their place, never silently skipped.
create table feed_rejection (
  organisation text not null,
  feed text not null,
  batch text not null,
  file text not null,
  line integer not null,
  reason text not null,
  primary key (organisation, feed, batch, file, line)
);

-- Which batches were applied for which practice: the row that makes a rerun a no-op.
create table feed_batch (
  organisation text not null,
  feed text not null,
  batch text not null,
  as_of timestamptz not null,
  applied_at timestamptz not null,
  counts jsonb not null,
  primary key (organisation, feed, batch)
);

-- How fresh each patient's record is, and why absence from it may prove nothing.
create table record_state (
  organisation text not null,
  patient text not null,
  feed text not null,
  as_of timestamptz not null,
  incomplete text[] not null default '{}',
  digest text not null,
  -- the supplier's own key of the patient, where there is one
  patient_key text,
  primary key (organisation, patient)
);

-- The patients a practice listed for a feed that cannot build a cohort (GP Connect).
create table listed_patient (
  organisation text not null,
  patient text not null,
  nhs_number text not null,
  birth_date date not null,
  contact jsonb not null,
  listed_at timestamptz not null,
  primary key (organisation, patient)
);
