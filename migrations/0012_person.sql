-- What need rules ask of a person beside the clinical facts, one narrow row each: kept by the database whenever the Patient
-- or an EpisodeOfCare is written, by whatever way, in the same transaction. docs/adr/0026

-- The first and the last day that a FHIR date may stand for; null where it is no date.
create function fhir_date_from(value text) returns date language sql stable strict parallel safe as $$
  select case when pg_input_is_valid(day, 'date') then day::date end
  from (select case length(value) when 4 then value || '-01-01' when 7 then value || '-01' else value end as day) as whole
  where value ~ '^\d{4}(-\d{2}(-\d{2})?)?$'
$$;

create function fhir_date_to(value text) returns date language sql stable strict parallel safe as $$
  select (fhir_date_from(value) + case length(value) when 4 then interval '1 year - 1 day' when 7 then interval '1 month - 1 day' else interval '0' end)::date
$$;

create table person (
  organisation text not null,
  patient text not null,
  born_from date,
  born_to date,
  -- null: not known, for the resource could not be read
  deceased boolean,
  active boolean,
  primary key (organisation, patient)
);

create table registration (
  organisation text not null,
  patient text not null,
  episode text not null,
  is_active boolean not null,
  starts date,
  ends date,
  primary key (organisation, patient, episode)
);

create function person_from(of_organisation text, of_patient text, content text) returns setof person language sql stable parallel safe as $$
  select of_organisation, of_patient, fhir_date_from(said ->> 'birthDate'), fhir_date_to(said ->> 'birthDate'),
    case when said is not null then said ? 'deceasedDateTime' or coalesce(said ->> 'deceasedBoolean' = 'true', false) end,
    case said ->> 'active' when 'true' then true when 'false' then false end
  from (select case when pg_input_is_valid(content, 'jsonb') then content::jsonb end as said) as parsed
$$;

-- Of the time only the day: an episode ends as its last day begins.
create function registration_from(of_organisation text, of_patient text, of_episode text, content text) returns setof registration language sql stable parallel safe as $$
  select of_organisation, of_patient, of_episode, coalesce(said ->> 'status' = 'active', false),
    fhir_date_from(left(said #>> '{period,start}', 10)), fhir_date_from(left(said #>> '{period,end}', 10))
  from (select case when pg_input_is_valid(content, 'jsonb') then content::jsonb end as said) as parsed
$$;

create function keep_person() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' then
    if old.hash = new.hash and old.deleted = new.deleted and old.patient is not distinct from new.patient then
      return null;
    end if;
    if old.type = 'EpisodeOfCare' then
      delete from registration where organisation = old.organisation and patient = old.patient and episode = old.id;
    elsif new.deleted then
      delete from person where organisation = old.organisation and patient = old.id;
    end if;
  end if;
  if new.deleted then
    return null;
  end if;
  if new.type = 'Patient' then
    insert into person as kept select * from person_from(new.organisation, new.id, new.content)
    on conflict (organisation, patient) do update set born_from = excluded.born_from, born_to = excluded.born_to,
      deceased = excluded.deceased, active = excluded.active
      where (kept.born_from, kept.born_to, kept.deceased, kept.active) is distinct from (excluded.born_from, excluded.born_to, excluded.deceased, excluded.active);
  elsif new.patient is not null then
    insert into registration select * from registration_from(new.organisation, new.patient, new.id, new.content);
  end if;
  return null;
end
$$;

create trigger resource_person after insert or update on resource
  for each row when (new.type in ('Patient', 'EpisodeOfCare')) execute function keep_person();

insert into person select p.* from resource r, person_from(r.organisation, r.id, r.content) as p
  where r.type = 'Patient' and not r.deleted;
insert into registration select e.* from resource r, registration_from(r.organisation, r.patient, r.id, r.content) as e
  where r.type = 'EpisodeOfCare' and r.patient is not null and not r.deleted;

