-- What wakes the workflow: timers by business time, and what other systems told us, kept before it is understood.

create table timer (
  organisation text not null,
  queue text not null,
  key text not null,
  due_at timestamptz not null,
  payload jsonb not null,
  primary key (organisation, queue, key)
);

create index timer_due on timer (due_at);

create table inbound (
  system text not null,
  key text not null,
  received_at timestamptz not null,
  raw bytea not null,
  -- why it could not be used, when it could not; kept for a person to see
  problem text,
  primary key (system, key)
);

-- Failed attempts at the second factor of a reply link, so that it cannot be guessed.
create table reply_attempt (
  request text primary key,
  failures integer not null
);

-- Free slots of each skill when they were last counted: what a release and a send may promise.
create table capacity (
  organisation text not null,
  skill text not null,
  free_slots integer not null,
  as_of timestamptz not null,
  primary key (organisation, skill)
);
