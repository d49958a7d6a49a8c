/** For commands that go on until somebody has seen enough: Ctrl-C is their proper end. */

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
