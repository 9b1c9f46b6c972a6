/** Invented names and streets. Some have accents, apostrophes and hyphens, since real ones do and exports must carry them. */

export const FEMALE_NAMES = [
  ...['Amelia', 'Aisha', 'Beatrice', 'Carys', 'Chloe', 'Danuta', 'Eleanor', 'Fatima', 'Grace', 'Hannah', 'Imogen'],
  ...['Jasmine', 'Joan', 'Kavita', 'Layla', 'Margaret', 'Maureen', 'Nadia', 'Olivia', 'Patricia', 'Priya', 'Renée'],
  ...['Rosemary', 'Ruth', 'Sadia', 'Sheila', 'Siobhán', 'Sophie', 'Teresa', 'Victoria', 'Yasmin', 'Zoë'],
] as const;

export const MALE_NAMES = [
  ...[
    'Adam',
    'Alistair',
    'Amir',
    'Arthur',
    'Brian',
    'Callum',
    'Daniel',
    'Derek',
    'Dylan',
    'Edward',
    'Faisal',
    'François',
  ],
  ...['George', 'Harry', 'Hassan', 'Ian', 'Jakub', 'James', 'José', 'Kenneth', 'Leon', 'Malcolm', 'Mohammed', 'Nathan'],
  ...['Oliver', 'Owen', 'Peter', 'Rajesh', 'Samuel', 'Terence', 'Vikram', 'William'],
] as const;

export const FAMILY_NAMES = [
  ...['Abbott', 'Ahmed', 'Adeyemi', 'Bailey', 'Begum', 'Birch', 'Brennan', 'Chowdhury', 'Clarke', 'Cooper', 'Cox'],
  ...['Davies', 'Desai', 'Dunn', 'Ellis', 'Evans', 'Fletcher', 'Foster', 'Gill', 'Green', 'Hall', 'Harrison', 'Hughes'],
  ...[
    'Hussain',
    'Iqbal',
    'Jackson',
    'Jones',
    'Kaur',
    'Kelly',
    'Khan',
    'Kowalczyk',
    'Lewis',
    'Lloyd',
    'Mahmood',
    'Marsh',
  ],
  ...['McBride', 'Mensah', 'Morris', 'Müller', 'Nowak', "O'Brien", "O'Neill", 'Okafor', 'Parker', 'Patel', 'Pearce'],
  ...['Peña', 'Price', 'Rahman', 'Reid', 'Roberts', 'Robinson', 'Shah', 'Sharma', 'Singh', 'Smith', 'Stone', 'Taylor'],
  ...['Thomas', 'Turner', 'Walker', 'Ward', 'Watts', 'White', 'Williams-Hart', 'Wilson', 'Wood', 'Wright', 'Young'],
] as const;

export const STREETS = [
  ...['Acorn Close', 'Beech Avenue', 'Bridge Street', 'Canal Walk', 'Chapel Lane', 'Church Road', 'Elm Grove'],
  ...['Foundry Terrace', 'Garden Row', 'Green Lane', 'Hawthorn Drive', 'High Street', 'Kiln Road', 'Lime Crescent'],
  ...['Manor Way', 'Meadow View', 'Mill Lane', 'New Road', 'Oak Street', 'Orchard Close', 'Park Road', 'Queen Street'],
  ...['River Walk', 'School Lane', 'Station Road', 'Tanner Row', 'The Paddock', 'Victoria Street', 'Weaver Court'],
] as const;
