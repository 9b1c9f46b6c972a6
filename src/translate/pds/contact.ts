/** Names, addresses and contact points of PDS: those that hold on the day alone. facts: nhs-apis §5.1, §14.14 */
import { ukCoreExtension } from '#fhir/systems.ts';
import type { Address, ContactPoint, Extension, HumanName, PatientContact } from '#fhir/types.ts';
import { concepts } from '#translate/stu3/coding.ts';
import { addresses, names, period, telecoms } from '#translate/stu3/datatype.ts';
import { extensions } from '#translate/stu3/extension.ts';
import { children, lose, type Part, present, some } from '#translate/stu3/node.ts';
import { text } from '#translate/stu3/primitive.ts';
import { conceptOrCoding, isCurrent } from './reading.ts';

/**
 * The names, the one in use first. PDS keeps one `usual` name whatever its period says; of the others, those that have
 * ended or not begun are left out and counted.
 */
export function namesOn(part: Part, today: string): HumanName[] | undefined {
  const all = names(part) ?? [];
  const kept = all.filter((name) => name.use === 'usual' || isOn(part, name, { what: 'name', today }));
  const isUsual = ({ use }: HumanName) => Number(use !== 'usual');
  return some(kept.toSorted((one, other) => isUsual(one) - isUsual(other)));
}

/** Where post goes first: `billing` is PDS's word for the correspondence address. `work` is legacy and never used. */
const POST_ORDER = ['billing', 'temp', 'home'];

/** The addresses that hold on the day, the one for post first. */
export function addressesOn(part: Part, today: string): Address[] | undefined {
  const all = addresses(part, 'address', (one) => present({ extension: addressKeys(one) })) ?? [];
  const kept = all.filter((address) => {
    if (address.use === 'work') lose(part, 'address:work');
    return address.use !== 'work' && isOn(part, address, { what: 'address', today });
  });
  const place = ({ use }: Address) =>
    POST_ORDER.includes(use ?? '') ? POST_ORDER.indexOf(use ?? '') : POST_ORDER.length;
  return some(kept.toSorted((one, other) => place(one) - place(other)));
}

/** Keys of the address file and of the property, their type as the concept that UK Core wants. */
function addressKeys(part: Part): Extension[] | undefined {
  return some(
    extensions(part, 'addresskey').map((one): Extension | undefined => {
      const [typePart] = extensions(one, 'type');
      const [valuePart] = extensions(one, 'value');
      const type = typePart && conceptOrCoding(typePart);
      const value = valuePart && text(valuePart, 'valueString');
      if (type === undefined || value === undefined) return void lose(one, 'incomplete');
      const parts = [
        { url: 'type', valueCodeableConcept: type },
        { url: 'value', valueString: value },
      ];
      return { url: ukCoreExtension('AddressKey'), extension: parts };
    }),
  );
}

/** The contact points that hold on the day. A textphone's kind stands on `system`, where UK Core has it. */
export function telecomsOn(part: Part, today: string): ContactPoint[] | undefined {
  const all = telecoms(part, 'telecom', (one) => present({ _system: kindOf(one) })) ?? [];
  return some(all.filter((one) => isOn(part, one, { what: 'telecom', today })));
}

function kindOf(part: Part): { extension: Extension[] } | undefined {
  const [kind] = extensions(part, 'othercontactsystem');
  const valueCodeableConcept = kind && conceptOrCoding(kind);
  return valueCodeableConcept && { extension: [{ url: ukCoreExtension('OtherContactSystem'), valueCodeableConcept }] };
}

/** Whom to call in an emergency, while they are. */
export function contactsOn(part: Part, today: string): PatientContact[] | undefined {
  return some(
    children(part, 'contact').map((one) => {
      const when = period(one, 'period');
      const [name] = names(one) ?? [];
      const [address] = addresses(one) ?? [];
      const telecom = telecoms(one);
      const relationship = concepts(one, 'relationship');
      if (!isOn(part, present({ period: when }), { what: 'contact', today })) return undefined;
      if (name === undefined && telecom === undefined && address === undefined)
        return void lose(one, 'without-details');
      return present({ relationship, name, telecom, address, period: when });
    }),
  );
}

function isOn(
  part: Part,
  one: { readonly period?: Parameters<typeof isCurrent>[0] },
  of: { readonly what: string; readonly today: string },
): boolean {
  const holds = isCurrent(one.period, of.today);
  if (!holds) lose(part, `${of.what}:not-current`);
  return holds;
}
