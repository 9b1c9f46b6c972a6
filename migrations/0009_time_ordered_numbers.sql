-- The number of a resource whose id is a UUIDv7 begins with the time in it, so that what is written together stands
-- together in every index: a write then touches the pages that the writes before it touched, not pages anywhere.
-- src/fhir/search-hash.ts computes the same. docs/adr/0022-time-ordered-numbers.md
create or replace function resource_rid(type text, id text) returns bigint
  language sql immutable parallel safe
  return case
    when id ~ '^0[0-3][0-9a-f]{6}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$' then
      -- 30 bits of time, each worth 4.096 s, then 34 bits of the hash
      (('x0000000' || substr(id, 1, 8) || substr(id, 10, 1))::bit(64)::bigint << 34)
        | (('x0' || encode(substr(sha256(convert_to(type || '/' || id, 'UTF8')), 1, 8), 'hex'))::bit(68)::bit(64)::bigint >> 26)
    else ('x' || encode(substr(sha256(convert_to(type || '/' || id, 'UTF8')), 1, 8), 'hex'))::bit(64)::bigint
  end;

-- What was numbered before is numbered again, and indexed again when the server starts.
update resource set id = id where id ~ '^0[0-3][0-9a-f]{6}-[0-9a-f]{4}-7';
truncate search_token, search_reference, search_date, search_number, search_string, search_parameter;
