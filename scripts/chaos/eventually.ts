/** What a cluster owes once nobody disturbs it any more: soon, and not at once, for a busy machine may cost it its leader. */

const POLL_MS = 50
/** For a single thing asked for after the faults. */
export const CALM_TIMEOUT_MS = 15_000

/** Throws what was waited for when it takes too long. */
export async function eventually(what: string, holds: () => Promise<boolean>, timeoutMs: number): Promise<void> {
  if (!(await comesTrue(holds, timeoutMs))) throw new Error(`did not come true within ${timeoutMs / 1000} s: ${what}`)
}

/** Whether it did. */
export async function comesTrue(holds: () => Promise<boolean>, timeoutMs: number): Promise<boolean> {
  const end = performance.now() + timeoutMs
  while (!(await holds())) {
    if (performance.now() > end) return false
    await Bun.sleep(POLL_MS)
  }
  return true
}
