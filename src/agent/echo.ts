/** One ping: echo requests from a workload's namespace at an even pace, and which of them were answered, and when. */
import type { Clock } from "../base/clock.ts"
import { PING_ANSWER_WAIT_MS, PROBE_BUFFER_BYTES } from "../base/limits.ts"
import type { Random } from "../base/random.ts"
import { type IcmpOptions, type IcmpSocket, openIcmp } from "../linux/icmp.ts"
import { type Family, ipBytes } from "../model/address.ts"
import { decodeEcho, ECHO_TOKEN_BYTES, encodeEcho } from "../model/echo-packet.ts"
import type { PingReply } from "../model/ping.ts"

export interface EchoOptions {
  /** Path of the namespace. */
  namespace: string
  /** Addresses as text; `from` null: the kernel's choice. */
  from: string | null
  to: string
  /** The interface to send by; null: where the namespace's routes lead. */
  device: string | null
  count: number
  intervalMs: number
  clock: Clock
  random: Random
  /** Ends it early; what is not answered by then is lost. */
  signal: AbortSignal
  /** Is told of each answer, or refusal, as it comes. */
  onReply?: (reply: PingReply) => void
}

export type OpenIcmp = (options: IcmpOptions) => Promise<IcmpSocket>

/** Resolves when all are answered, or PING_ANSWER_WAIT_MS after the last was sent. Throws what `openIcmp` does. */
export async function echo(options: EchoOptions, open: OpenIcmp = openIcmp): Promise<PingReply[]> {
  const { namespace, device, count, intervalMs, clock, random, signal } = options
  const to = ipBytes(options.to)
  const family: Family = to.length === 4 ? 4 : 6
  const drawn = random.bytes(2)
  const ours = { family, identifier: (drawn[0]! << 8) | drawn[1]!, token: random.bytes(ECHO_TOKEN_BYTES) }
  const replies: PingReply[] = []
  const sentAt: number[] = []
  let missing = count
  let finish = () => {}
  const over = new Promise<void>((resolve) => {
    finish = resolve
  })
  const settle = (reply: PingReply, ms: number | null, why: string | null) => {
    reply.ms = ms
    reply.why = why
    options.onReply?.({ ...reply })
    if (--missing === 0) finish()
  }
  const onPacket = (packet: Uint8Array) => {
    const now = clock.monotonic()
    const answer = decodeEcho(packet, ours)
    const reply = answer && replies[answer.sequence - 1]
    // Of an answer and an error the first counts, and of two answers.
    if (!reply || reply.ms !== null || reply.why !== null) return
    const ms = Math.round((now - sentAt[answer.sequence - 1]!) * 1_000) / 1_000
    settle(reply, answer.why === null ? ms : null, answer.why)
  }
  const from = options.from === null ? null : ipBytes(options.from)
  const socket = await open({ namespace, family, from, device, bufferBytes: PROBE_BUFFER_BYTES, onPacket })
  let cancel = () => {}
  const sendNext = () => {
    const sequence = replies.length + 1
    const reply: PingReply = { seq: sequence, ms: null, why: null }
    replies.push(reply)
    const packet = encodeEcho({ ...ours, sequence })
    sentAt.push(clock.monotonic())
    const refused = socket.send(to, packet)
    if (refused !== null) settle(reply, null, refused)
    if (missing === 0) return
    cancel = sequence < count ? clock.after(intervalMs, sendNext) : clock.after(PING_ANSWER_WAIT_MS, finish)
  }
  signal.addEventListener("abort", finish)
  sendNext()
  if (signal.aborted) finish()
  await over
  cancel()
  signal.removeEventListener("abort", finish)
  socket.close()
  return replies
}
