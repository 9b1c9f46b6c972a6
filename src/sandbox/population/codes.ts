/**
 * The SNOMED CT concepts and dm+d products that the synthetic records are written in; each one's check digit is tested.
 * facts: care-needs §2.5, §2.7, §2.8; gp-connect §3.4 for blood pressure.
 */

export type Concept = { readonly code: string; readonly term: string };

export const PROBLEMS = {
  asthma: { code: '195967001', term: 'Asthma' },
  diabetesType2: { code: '44054006', term: 'Diabetes mellitus type 2' },
  diabetesType1: { code: '46635009', term: 'Diabetes mellitus type 1' },
  hypertension: { code: '38341003', term: 'Hypertensive disorder, systemic arterial' },
  hypothyroidism: { code: '40930008', term: 'Hypothyroidism' },
  rheumatoidArthritis: { code: '69896004', term: 'Rheumatoid arthritis' },
} as const satisfies Record<string, Concept>;

export const FINDINGS = {
  asthmaReview: { code: '394700004', term: 'Asthma annual review' },
  asthmaControlTest: { code: '443117005', term: 'Asthma control test score' },
  childAsthmaControlTest: { code: '905301000000103', term: 'Childhood Asthma Control Test score' },
  asthmaExacerbations: { code: '366874008', term: 'Number of asthma exacerbations in past year' },
  asthmaPlan: { code: '811921000000103', term: 'Asthma self-management plan agreed' },
  asthmaResolved: { code: '162660004', term: 'Asthma resolved' },
  asthmaDissent: { code: '716491000000100', term: 'Excepted from asthma quality indicators - informed dissent' },
  bodyMassIndex: { code: '60621009', term: 'Body mass index' },
  bloodPressure: { code: '75367002', term: 'Blood pressure' },
  systolic: { code: '271649006', term: 'Systolic blood pressure' },
  diastolic: { code: '271650006', term: 'Diastolic blood pressure' },
  hba1c: {
    code: '999791000000106',
    term: 'Haemoglobin A1c level - International Federation of Clinical Chemistry and Laboratory Medicine standardised',
  },
  cholesterol: { code: '1005671000000105', term: 'Serum cholesterol level' },
  neverSmoked: { code: '266919005', term: 'Never smoked tobacco' },
  smoker: { code: '77176002', term: 'Smoker' },
  exSmoker: { code: '8517006', term: 'Ex-smoker' },
  leftFootLowRisk: { code: '394675000', term: 'On examination - Left diabetic foot at low risk' },
  rightFootLowRisk: { code: '394671009', term: 'On examination - Right diabetic foot at low risk' },
  urineAcr: { code: '1023491000000104', term: 'Urine albumin/creatinine ratio' },
  creatinine: { code: '1000731000000107', term: 'Serum creatinine level' },
  egfr: {
    code: '1011481000000105',
    term: 'Estimated glomerular filtration rate using creatinine Chronic Kidney Disease Epidemiology Collaboration equation per 1.73 square metres',
  },
  haemoglobin: { code: '1022431000000105', term: 'Haemoglobin estimation' },
  alt: { code: '1018251000000107', term: 'Serum alanine aminotransferase level' },
  potassium: { code: '1000651000000109', term: 'Serum potassium level' },
  smsConsent: {
    code: '699237001',
    term: 'Consent given for communication by short message service text messaging',
  },
  smsDeclined: { code: '513631000000106', term: 'Declined consent for short message service text messaging' },
  palliativeCare: { code: '103735009', term: 'Palliative care' },
  fluVaccination: {
    code: '985151000000100',
    term: 'Administration of first inactivated seasonal influenza vaccination',
  },
  childFluVaccination: {
    code: '884861000000100',
    term: 'Administration of first intranasal seasonal influenza vaccination',
  },
} as const satisfies Record<string, Concept>;

export const DRUGS = {
  salbutamol: { code: '35936511000001108', term: 'Salbutamol 100micrograms/dose inhaler' },
  beclometasone: { code: '35908111000001105', term: 'Beclometasone 100micrograms/dose inhaler CFC free' },
  methotrexate: { code: '326874007', term: 'Methotrexate 2.5mg tablets' },
} as const satisfies Record<string, Concept>;

/** Every concept that may stand in a synthetic record when the network begins: the supplier's own code table. */
export const CLINICAL_CATALOGUE: readonly Concept[] = [...Object.values(PROBLEMS), ...Object.values(FINDINGS)];
export const DRUG_CATALOGUE: readonly Concept[] = Object.values(DRUGS);
