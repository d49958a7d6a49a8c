/**
 * Many questions, so many at a time. Each has a socket of its own, and the pairs of a large lab are more than a program
 * can have open.
 */

/** Resolves when all is done. Rejects with the first failure; what was not begun by then is left. */
export async function inTurns<T>(items: readonly T[], most: number, work: (item: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += most) await Promise.all(items.slice(at, at + most).map(work))
}
