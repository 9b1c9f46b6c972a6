/** GP Connect as five functions: slots, book, list, cancel, record. Live, per patient, for direct care. facts: gp-connect §1 to §3 */
import { bookAppointment, cancelAppointment, listAppointments } from './appointments.ts';
import { fetchRecord } from './record.ts';
import { createSender, type GpConnectSettings } from './request.ts';
import { findSlots } from './slots.ts';

/** The functions share settings and directory, nothing else; each call makes its own token and finds its own patient. */
export function createGpConnect(settings: GpConnectSettings) {
  const send = createSender(settings);
  return {
    findSlots: (request: Parameters<typeof findSlots>[2]) => findSlots(send, settings, request),
    bookAppointment: (request: Parameters<typeof bookAppointment>[2]) => bookAppointment(send, settings, request),
    listAppointments: (request: Parameters<typeof listAppointments>[2]) => listAppointments(send, settings, request),
    cancelAppointment: (request: Parameters<typeof cancelAppointment>[1]) => cancelAppointment(send, request),
    fetchRecord: (request: Parameters<typeof fetchRecord>[2]) => fetchRecord(send, settings, request),
  };
}
