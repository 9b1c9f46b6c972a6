-- Subscriptions. The outbox is resource_version itself: a row is there exactly when the change is. A dispatcher reads it in
-- order up to the commit horizon and numbers what each subscriber is to hear; a deliverer sends it.

-- How far the dispatcher has read: one row for the whole installation, moved with the events that it made.
create table subscription_feed (
  singleton boolean primary key default true check (singleton),
  position jsonb
);

insert into subscription_feed default values;

create table subscription_state (
  -- the Subscription's id; its resource carries the same status for whoever reads it
  id text primary key,
  organisation text not null,
  -- who made it: the only client that may change it or ask for its events
  client text not null,
  -- what that client may see: events are made and sent within it
  access jsonb not null,
  -- topic, filters, channel, content, limits: as read and checked
  asked jsonb not null,
  channel text not null,
  heartbeat interval,
  ends_at timestamptz,
  -- headers for the receiver, sealed with the installation's secret
  headers text not null,
  status text not null check (status in ('requested', 'active', 'error', 'off')),
  -- whether events are still numbered for it: not after its owner switched it off or its end
  recording boolean not null,
  -- changes up to here were before it
  start_after jsonb,
  last_event bigint not null default 0,
  delivered bigint not null default 0,
  failures integer not null default 0,
  gone integer not null default 0,
  failing_since timestamptz,
  -- why it failed; never an address, a header or a patient
  error text,
  -- null: nothing is tried until its owner asks for it
  next_attempt timestamptz default now(),
  last_sent timestamptz,
  -- who is delivering, and until when nobody else may
  lease text,
  leased_until timestamptz
);

create index subscription_state_due on subscription_state (next_attempt) where channel = 'rest-hook' and next_attempt is not null;

create table subscription_event (
  subscription text not null references subscription_state (id) on delete cascade,
  number bigint not null,
  organisation text not null,
  type text not null,
  id text not null,
  version integer not null,
  -- the change's instant, as its resource states it
  last_updated timestamptz not null,
  deleted boolean not null,
  patient text,
  recorded timestamptz not null default now(),
  delivered_at timestamptz,
  primary key (subscription, number),
  -- one event for one change, whatever is done twice
  unique (subscription, organisation, type, id, version)
);

create index subscription_event_age on subscription_event (recorded);
