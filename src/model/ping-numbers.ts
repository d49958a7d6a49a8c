/** What follows from the answers to a ping; apart from the schemas, so that the command line can do without them. */
import type { PingReply, PingView } from "./ping.ts"

/** From the first packet to the last, and the wait for its answer not counted, in milliseconds. */
export function pingDurationMs({ count, intervalMs }: { count: number; intervalMs: number }): number {
  return (count - 1) * intervalMs
}

/** The numbers of a ping: everything of its view that follows from the answers. */
export function pingNumbers(
  replies: readonly PingReply[],
): Pick<PingView, "sent" | "received" | "lossPercent" | "min" | "avg" | "max"> {
  const times = replies.flatMap(({ ms }) => (ms === null ? [] : [ms]))
  const received = times.length
  const sent = replies.length
  const lossPercent = sent === 0 ? 100 : Math.round(((sent - received) / sent) * 1_000) / 10
  if (received === 0) return { sent, received, lossPercent, min: null, avg: null, max: null }
  const avg = Math.round((times.reduce((sum, ms) => sum + ms, 0) / received) * 1_000) / 1_000
  return { sent, received, lossPercent, min: Math.min(...times), avg, max: Math.max(...times) }
}

/** Whether every packet of it was answered. */
export function isAnswered({ sent, received, problem }: Pick<PingView, "sent" | "received" | "problem">): boolean {
  return problem === null && sent > 0 && received === sent
}
