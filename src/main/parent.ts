/** Ends this process when the one that started it is gone: a killed `npm start` must not leave a server behind. */

const PARENT = 'HOLDFAST_PARENT';

/** Watches the parent named by `run.mjs`; without one (started by hand, by a service manager) nothing is watched. */
export function watchParent(): void {
  const parent = Number(process.env[PARENT]);
  if (!parent) return;
  // It is about this process only, not about those that this one starts.
  delete process.env[PARENT];
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    // As hard as the parent's own end: what must survive this survives a power cut too.
    process.exit(1);
  }, 200);
  timer.unref();
}
