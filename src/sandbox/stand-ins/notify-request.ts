/** What NHS Notify finds wrong with a new message: all faults at once. facts: nhs-apis §3.3, §3.5 */
import { isNhsNumber } from '#fhir/nhs-number.ts';
import type { NotifyError } from './notify-error.ts';

/** A message that was found to be right. */
export type NewMessage = {
  readonly data: {
    readonly attributes: {
      readonly routingPlanId: string;
      readonly messageReference: string;
      readonly recipient: { readonly nhsNumber: string };
      readonly originator: { readonly odsCode: string };
      readonly personalisation?: Readonly<Record<string, unknown>>;
    };
  };
};

type Check = (value: unknown) => 'CM_INVALID_VALUE' | 'CM_INVALID_NHS_NUMBER' | undefined;

const isText: Check = (value) => (typeof value === 'string' && value.trim() !== '' ? undefined : 'CM_INVALID_VALUE');
const isUuid: Check = (value) =>
  /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(String(value)) ? undefined : 'CM_INVALID_VALUE';
const isObject: Check = (value) => (isRecord(value) ? undefined : 'CM_INVALID_VALUE');

const required: Readonly<Record<string, Check>> = {
  '/data': isObject,
  '/data/type': (value) => (value === 'Message' ? undefined : 'CM_INVALID_VALUE'),
  '/data/attributes': isObject,
  '/data/attributes/routingPlanId': isUuid,
  '/data/attributes/messageReference': isText,
  '/data/attributes/recipient': isObject,
  '/data/attributes/recipient/nhsNumber': (value) =>
    typeof value === 'string' && isNhsNumber(value) ? undefined : 'CM_INVALID_NHS_NUMBER',
};

const optional: Readonly<Record<string, Check>> = {
  '/data/attributes/billingReference': isText,
  '/data/attributes/personalisation': isObject,
  '/data/attributes/originator': isObject,
};

export function errorsIn(body: unknown): NotifyError[] {
  const errors = [
    ...Object.entries(required).flatMap(([pointer, check]) => fault(body, pointer, { check, isRequired: true })),
    ...Object.entries(optional).flatMap(([pointer, check]) => fault(body, pointer, { check, isRequired: false })),
  ];
  if (valueAt(body, '/data/attributes/recipient/contactDetails') !== undefined) {
    const pointer = '/data/attributes/recipient/contactDetails';
    errors.push({ code: 'CM_CANNOT_SET_CONTACT_DETAILS', title: 'Cannot set contact details', source: { pointer } });
  }
  // The account has no default practice: each message names its own.
  if (errors.length === 0 && isText(valueAt(body, '/data/attributes/originator/odsCode'))) {
    errors.push({
      code: 'CM_ODS_CODE_REQUIRED',
      title: 'ODS code required',
      source: { pointer: '/data/attributes/messages' },
    });
  }
  return errors;
}

function fault(
  body: unknown,
  pointer: string,
  { check, isRequired }: { check: Check; isRequired: boolean },
): NotifyError[] {
  const value = valueAt(body, pointer);
  const source = { pointer };
  if (value === undefined) return isRequired ? [{ code: 'CM_MISSING_VALUE', title: 'Missing property', source }] : [];
  if (value === null) return [{ code: 'CM_NULL_VALUE', title: 'Property cannot be null', source }];
  const code = check(value);
  return code ? [{ code, title: 'Invalid value', source }] : [];
}

function valueAt(body: unknown, pointer: string): unknown {
  return pointer
    .slice(1)
    .split('/')
    .reduce((value: unknown, name) => (isRecord(value) ? value[name] : undefined), body);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
