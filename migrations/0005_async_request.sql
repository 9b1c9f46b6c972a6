-- Requests with Prefer: respond-async, and what came of them until it expires. Each belongs to the client that made it.

create table async_request (
  id text primary key,
  -- who made it: token subject and client
  owner text not null,
  started_at timestamptz not null default clock_timestamp(),
  -- moved on while the process that does the work lives; a row without an answer that stands still was interrupted
  alive_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null,
  status integer,
  content text
);

create index async_request_expires on async_request (expires_at);
