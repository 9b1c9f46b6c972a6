-- Search values of resources, one narrow table per kind, replaced with their resource in its transaction.

create table search_token (
  organisation text not null,
  type text not null,
  param text not null,
  system text not null,
  code text not null,
  id text not null,
  primary key (organisation, type, param, code, system, id)
);

create index search_token_resource on search_token (organisation, type, id);

create table search_reference (
  organisation text not null,
  type text not null,
  param text not null,
  target_type text not null,
  target_id text not null,
  id text not null,
  primary key (organisation, type, param, target_id, target_type, id)
);

create index search_reference_resource on search_reference (organisation, type, id);

create table search_date (
  organisation text not null,
  type text not null,
  param text not null,
  low timestamptz not null,
  high timestamptz not null,
  id text not null,
  primary key (organisation, type, param, low, high, id)
);

create index search_date_resource on search_date (organisation, type, id);

create table search_string (
  organisation text not null,
  type text not null,
  param text not null,
  -- lower case, accents folded
  value text not null,
  exact text not null,
  id text not null,
  primary key (organisation, type, param, value, exact, id)
);

create index search_string_resource on search_string (organisation, type, id);
