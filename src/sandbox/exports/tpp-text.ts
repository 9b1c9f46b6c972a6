/** How TPP SystmOne writes times, empty ids, lookups and units. facts: gp-extracts §2.1, §2.2 */
import type { SimAppointment } from '#sandbox/practice.ts';
import type { Row } from './csv.ts';

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `dd MMM yyyy HH:mm:ss` of a date and a time; an unknown time is midnight, an unknown date an empty cell. */
export function tppTime(date: string | undefined, time = '00:00:00'): string {
  if (date === undefined) return '';
  const [year, month, day] = date.split('-');
  return `${day} ${MONTHS[Number(month) - 1]} ${year} ${time}`;
}

export const NO_ID = '-1';

export function yesNo(value: boolean): string {
  return value ? 'TRUE' : 'FALSE';
}

export function unitText(unit: string | undefined): string {
  return unit === 'mm[Hg]' ? 'mmHg' : (unit ?? '');
}

/** SRMapping: the ids that stand in other tables' cells. Their numbers are invented; group 15777 is recall status. */
export const MAPPING = {
  home: ['5001', '501', 'Home'],
  mobile: ['5002', '501', 'Mobile'],
  pending: ['5101', '15777', 'Pending'],
  booked: ['5201', '502', 'Booked'],
  fulfilled: ['5202', '502', 'Finished'],
  noshow: ['5203', '502', 'Did Not Attend'],
  cancelled: ['5204', '502', 'Cancelled by Patient'],
  arrived: ['5205', '502', 'Arrived'],
  speaksEnglish: ['5301', '503', 'Yes'],
  homeAddress: ['5801', '508', 'Home'],
} as const satisfies Record<string, readonly [id: string, group: string, text: string]>;

export function mappingRows(): readonly Row[] {
  return Object.values(MAPPING).map(([id, group, text]) => ({
    RowIdentifier: id,
    IdMappingGroup: group,
    Mapping: text,
  }));
}

export function appointmentStatus(status: SimAppointment['status']): string {
  return MAPPING[status][0];
}
