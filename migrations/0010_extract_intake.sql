-- Extract intake: what arrived, in which order it may be applied, what waits for a person. Facts: gp-extracts §3.2

-- Where a batch stands among those of its feed, and the fingerprint of all its files: the same content again is the same
-- batch, whatever it is called; an older one comes never after a newer.
alter table feed_batch add column sequence text;
alter table feed_batch add column seal text;
create index feed_batch_seal on feed_batch (organisation, feed, seal);

-- Files as they arrived: under one name of one batch there is one content.
create table feed_file (
  organisation text not null,
  feed text not null,
  -- the supplier's name of the batch, not the folder's
  batch text not null,
  name text not null,
  sha256 text not null,
  size bigint not null,
  first_seen timestamptz not null,
  primary key (organisation, feed, batch, name)
);

-- Batches that wait, and for what. A person's decision is for the content that they were told of (`seal`) alone.
create table feed_hold (
  organisation text not null,
  feed text not null,
  batch text not null,
  seal text,
  -- what kind of reason: only some may be overruled (src/workflow/intake/guard.ts)
  code text not null,
  reason text not null,
  held_at timestamptz not null,
  decision text check (decision in ('apply', 'skip')),
  decided_by text,
  decided_at timestamptz,
  primary key (organisation, feed, batch)
);
