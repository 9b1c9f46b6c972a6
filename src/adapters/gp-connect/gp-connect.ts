/** GP Connect as functions: slots, appointments, record, documents, and what a practice can do. Live, per patient, for direct care. facts: gp-connect §1 to §3 */
import { createDestinations } from '#adapters/destination.ts';
import { bookAppointment, listAppointments } from './appointments.ts';
import { readCapability } from './capability.ts';
import { amendAppointment, cancelAppointment, readAppointment } from './changes.ts';
import { readDocument, searchDocuments } from './documents.ts';
import { fetchRecord } from './record.ts';
import { createSender, type GpConnectSettings } from './request.ts';
import { findSlots } from './slots.ts';

/** The functions share settings and directory, nothing else; each call makes its own token and finds its own patient. */
export function createGpConnect(settings: GpConnectSettings) {
  const destinations = createDestinations(settings.limits);
  const send = createSender(settings, destinations.of);
  return {
    /** How each practice's system fares. */
    destinations: () => [...(settings.directory.states?.() ?? []), ...destinations.states()],
    findSlots: (request: Parameters<typeof findSlots>[2]) => findSlots(send, settings, request),
    bookAppointment: (request: Parameters<typeof bookAppointment>[2]) => bookAppointment(send, settings, request),
    listAppointments: (request: Parameters<typeof listAppointments>[2]) => listAppointments(send, settings, request),
    readAppointment: (request: Parameters<typeof readAppointment>[1]) => readAppointment(send, request),
    amendAppointment: (request: Parameters<typeof amendAppointment>[1]) => amendAppointment(send, request),
    cancelAppointment: (request: Parameters<typeof cancelAppointment>[1]) => cancelAppointment(send, request),
    fetchRecord: (request: Parameters<typeof fetchRecord>[2]) => fetchRecord(send, settings, request),
    searchDocuments: (request: Parameters<typeof searchDocuments>[1]) => searchDocuments(send, request),
    readDocument: (request: Parameters<typeof readDocument>[1]) => readDocument(send, request),
    readCapability: (request: Parameters<typeof readCapability>[1]) => readCapability(send, request),
  };
}
