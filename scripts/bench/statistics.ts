/** Few numbers that say much: medians, because this is measured on machines that do other things too. */

/** The value below which `share` (0 to 1) of all lie. Throws where there are none. */
export function quantile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new Error("nothing was measured")
  const sorted = [...values].sort((a, b) => a - b)
  const place = (sorted.length - 1) * share
  const below = sorted[Math.floor(place)]!
  const above = sorted[Math.ceil(place)]!
  return below + (above - below) * (place - Math.floor(place))
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** The median of the pairs' quotients: what hits both of a pair does not count. */
export function medianRatio(pairs: readonly (readonly [number, number])[]): number {
  return median(pairs.map(([above, below]) => above / below))
}

export function milliseconds(value: number): string {
  return value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`
}

export function times(factor: number): string {
  return `${factor.toFixed(1)} x`
}

/** How long `work` takes, in ms. */
export async function timed(work: () => unknown): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}
