/** TCP over ovl's way and over one of the same shape that was built by hand: one stream of iperf3 over each, in turns. */
import type { Background, Machine } from "../../test/support/machine.ts"
import type { Row } from "./benchmark.ts"
import { median, medianRatio } from "./statistics.ts"

/** Many short runs rather than few long ones: what disturbs the machine then falls on both in turns. */
const ROUNDS = 15
const SECONDS = 1
/** What iperf3 listens on unless told otherwise. */
export const IPERF_PORT = 5201

/** From where to where one stream goes. */
export interface Path {
  sender: Machine
  /** The sender's namespace, as its machine names it; null: the machine itself. */
  netns: string | null
  to: string
  port: number
}

export function startReceiver(machine: Machine, netns: string): Background {
  return machine.start(`ip netns exec ${netns} iperf3 --server --forceflush --port ${IPERF_PORT}`)
}

/** ovl's Gbit/s and the other's, a pair a round. */
export function inPairs(ovl: Path, byHand: Path): [number, number][] {
  const pairs: [number, number][] = []
  for (let round = 0; round < ROUNDS; round++) {
    // Each goes first as often as the other.
    const [one, other] = round % 2 === 0 ? [ovl, byHand] : [byHand, ovl]
    const [first, second] = [gigabits(one), gigabits(other)]
    pairs.push(round % 2 === 0 ? [first, second] : [second, first])
  }
  return pairs
}

/** As the receiver saw it. */
function gigabits({ sender, netns, to, port }: Path): number {
  const inside = netns === null ? "" : `ip netns exec ${netns} `
  const command = `${inside}iperf3 --client ${to} --port ${port} --time ${SECONDS} --json`
  const { end } = sender.json<{ end: { sum_received: { bits_per_second: number } } }>(command)
  return end.sum_received.bits_per_second / 1e9
}

/** What both do and what stands beside it, such as `a DNAT rule`; ovl should reach `goalShare` of it. */
export function throughputRow(what: string, beside: string, pairs: [number, number][], goalShare: number): Row {
  const [ovl, byHand] = [median(pairs.map(([one]) => one)), median(pairs.map(([, other]) => other))]
  const share = medianRatio(pairs)
  return {
    what: `${what}, one stream`,
    ovl: `${ovl.toFixed(1)} Gbit/s`,
    reference: `${byHand.toFixed(1)} Gbit/s, ${beside} by hand`,
    comparison: share.toFixed(2),
    goal: `at least ${goalShare}`,
    reached: share >= goalShare,
    figures: { ovlGbitPerSecond: ovl, referenceGbitPerSecond: byHand, share },
  }
}
