-- What the national services ask of all processes together, and what they said of a person.

-- The rate at which a service may be asked, shared by every process: one row per service, the instant at which the next
-- request would be free. Unlogged: after a crash nobody has asked anything, and a lost row only starts the count anew.
create unlogged table rate_budget (
  name text primary key,
  free_at timestamptz not null
);

-- What PDS last said of a patient, beside the record of the practice: a feed may bring the record again at any time
-- and must not bring back what is to stay away.
create table demographics (
  organisation text not null,
  patient text not null,
  -- when PDS last answered
  checked_at timestamptz not null,
  -- 'known', 'not-found', 'invalidated'
  outcome text not null check (outcome in ('known', 'not-found', 'invalidated')),
  -- the number under which PDS has the person now, and the one that it superseded
  nhs_number text not null,
  superseded text,
  version_id text,
  restricted boolean not null,
  -- the confidentiality label as PDS sent it
  sensitivity text not null,
  -- PDS says that the person has died: what it says of when (date, possibly partial), or '' when it does not say
  deceased text,
  -- why nothing may be sent until a person has looked ('birth-date-differs', 'number-held-by-another' …)
  mismatch text,
  primary key (organisation, patient)
);

create index demographics_number on demographics (organisation, nhs_number);
create index demographics_superseded on demographics (organisation, superseded) where superseded is not null;
