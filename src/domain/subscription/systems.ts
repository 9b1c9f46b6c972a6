/** The names of the Subscriptions R5 Backport for R4. http://hl7.org/fhir/uv/subscriptions-backport/ (1.1.0) */

const BACKPORT = 'http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition';

export const SUBSCRIPTION_PROFILE = `${BACKPORT}/backport-subscription`;
export const NOTIFICATION_PROFILE = `${BACKPORT}/backport-subscription-notification-r4`;
export const STATUS_PROFILE = `${BACKPORT}/backport-subscription-status-r4`;
export const FILTER_CRITERIA = `${BACKPORT}/backport-filter-criteria`;
export const PAYLOAD_CONTENT = `${BACKPORT}/backport-payload-content`;
export const HEARTBEAT_PERIOD = `${BACKPORT}/backport-heartbeat-period`;
export const TIMEOUT = `${BACKPORT}/backport-timeout`;
export const MAX_COUNT = `${BACKPORT}/backport-max-count`;

/** How an R5 SubscriptionTopic is written in an R4 Basic: one extension for each of its elements. */
export const TOPIC_ELEMENT = 'http://hl7.org/fhir/5.0/StructureDefinition/extension-SubscriptionTopic';
