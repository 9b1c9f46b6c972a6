-- How many people each programme of a practice has invited on a London date: what is left of the day's limits, whoever asks and however often.

create table release_count (
  organisation text not null,
  -- canonical url of the programme's rule
  rule text not null,
  day date not null,
  released integer not null,
  primary key (organisation, rule, day)
);
