/** Reads the parts of one complex extension; whatever is missing, of the wrong kind or not understood is a fault. */
import { isDate } from '#fhir/date.ts';
import type { Extension } from '#fhir/types.ts';
import { isMonthDay } from './month-day.ts';

/** A reader over the parts of `extension`; `place` names it in messages. `only` is called last and refuses what was never asked for. */
export function partsReader(extension: Extension, place: string, fault: (place: string, wanted: string) => void) {
  const parts = extension.extension ?? [];
  const asked = new Set<string>();
  const named = (url: string) => {
    asked.add(url);
    return parts.filter((part) => part.url === url);
  };
  const atMostOne = (url: string): Extension | undefined => {
    const found = named(url);
    if (found.length > 1) fault(`${place}.${url}`, 'it at most once');
    return found[0];
  };
  const text = (url: string): string => {
    const found = atMostOne(url);
    const value = found?.valueString ?? found?.valueCode;
    if (!value) fault(`${place}.${url}`, 'a text or code');
    return value ?? '';
  };
  const canonicals = (url: string): string[] => {
    const found = named(url).map((part) => part.valueCanonical);
    const values = found.filter((value) => value?.startsWith('http') && !value.includes('|'));
    if (values.length < found.length) fault(`${place}.${url}`, 'a canonical without a version');
    return values.filter((value) => value !== undefined);
  };
  const canonical = (url: string): string => {
    const values = canonicals(url);
    if (values.length !== 1) fault(`${place}.${url}`, `one canonical, found ${values.length}`);
    return values[0] ?? '';
  };
  const optionalNumber = (url: string): number | undefined => {
    const found = atMostOne(url);
    if (!found) return undefined;
    const value = found.valueUnsignedInt ?? found.valuePositiveInt ?? found.valueDecimal;
    const isFit = value !== undefined && value >= 0 && (Number.isInteger(value) || found.valueDecimal !== undefined);
    if (!isFit) fault(`${place}.${url}`, 'a number not below 0');
    return value;
  };
  const number = (url: string): number => {
    const value = optionalNumber(url);
    if (value === undefined) fault(`${place}.${url}`, 'a number');
    return value ?? 0;
  };
  const flag = (url: string): boolean => {
    const found = atMostOne(url);
    if (found && found.valueBoolean !== true) fault(`${place}.${url}`, 'true, or the part left out');
    return found !== undefined;
  };
  const optionalText = (url: string): string | undefined =>
    parts.some((one) => one.url === url) ? text(url) : undefined;
  const monthDay = (url: string): string | undefined => {
    const value = optionalText(url);
    if (value !== undefined && !isMonthDay(value)) fault(`${place}.${url}`, 'a day of every year as MM-DD');
    return value;
  };
  const date = (url: string): string | undefined => {
    const value = atMostOne(url)?.valueDate;
    if (parts.some((one) => one.url === url) && !isDate(value ?? '')) fault(`${place}.${url}`, 'a whole date');
    return value;
  };
  const only = <T>(read: T): T => {
    for (const { url = '' } of parts) if (!asked.has(url)) fault(`${place}.${url}`, 'no such part');
    return read;
  };
  return { place, text, canonical, canonicals, number, optionalNumber, optionalText, monthDay, date, flag, only };
}
