/** Ctrl-C: the proper end of commands that go on until somebody has seen enough, and of others a break that is told of. */

/** Runs `work` with a signal that SIGINT and SIGTERM abort. */
export async function untilInterrupted(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const stop = new AbortController()
  const end = () => stop.abort()
  const signals = ["SIGINT", "SIGTERM"] as const
  for (const signal of signals) process.on(signal, end)
  try {
    await work(stop.signal)
  } finally {
    for (const signal of signals) process.off(signal, end)
  }
}

/** Waits for work that can be broken off anywhere: who does so is told by `tell` what that means, and the signal ends ovl. */
export async function tellingWhenInterrupted<T>(work: Promise<T>, tell: () => void): Promise<T> {
  const end = () => {
    process.off("SIGINT", end)
    tell()
    process.kill(process.pid, "SIGINT")
  }
  process.on("SIGINT", end)
  try {
    return await work
  } catch (error) {
    // A terminal's Ctrl-C goes to our children too, and their end may be seen before the signal is.
    await Bun.sleep(INTERRUPT_MS)
    throw error
  } finally {
    process.off("SIGINT", end)
  }
}

const INTERRUPT_MS = 50
