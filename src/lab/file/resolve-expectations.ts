/** What a lab's file expects: the words, and that the names in them are there. */
import { PORT_MAX } from "../../base/limits.ts"
import { parseIp } from "../../model/address.ts"
import { EXPECTATION_FORMS, type Expectation, parseExpectation } from "../expectation.ts"
import { bare, type Topology } from "../topology.ts"
import type { Report } from "./report.ts"
import { unknown } from "./resolve-nodes.ts"
import type { LabFile } from "./schema.ts"
import type { Path } from "./source.ts"

type Members = Pick<Topology, "hosts" | "outside" | "networks" | "workloads">

export function resolveExpectations(file: LabFile, members: Members, report: Report): Expectation[] {
  const workloads = members.workloads.map((workload) => workload.name)
  const speakers = [...workloads, ...members.hosts.map((host) => host.name), members.outside.name]
  const networks = members.networks.map((network) => network.name)
  return (file.expect ?? []).flatMap((words, at) => {
    const path = ["expect", at]
    const expectation = parseExpectation(words)
    if (expectation === null) {
      report.wrong(path, `not understood: write ${EXPECTATION_FORMS.map((form) => `"${form}"`).join(", ")}`)
      return []
    }
    if (expectation.kind === "all") checkName(path, expectation.network, "network", networks, report)
    else if (expectation.kind === "hear") {
      for (const name of [expectation.from, expectation.to]) checkName(path, name, "workload", workloads, report)
      if (!isGroup(expectation.group)) report.wrong(path, `${expectation.group} is not an IPv4 multicast address`)
    } else {
      checkName(path, expectation.from, "workload or node", speakers, report)
      checkTarget(path, expectation.to, expectation.holds, members, speakers, report)
      if (expectation.from === expectation.to) report.wrong(path, `${expectation.to} and itself: that proves nothing`)
      const { port, bytes } = expectation
      if (port && (port.number < 1 || port.number > PORT_MAX)) report.wrong(path, `ports are from 1 to ${PORT_MAX}`)
      if (bytes !== null && (bytes < PACKET_MIN_BYTES || bytes > PACKET_MAX_BYTES))
        report.wrong(path, `a packet has ${PACKET_MIN_BYTES} to ${PACKET_MAX_BYTES} bytes`)
      if (port && bytes !== null) report.wrong(path, "a size goes with no port")
    }
    return [expectation]
  })
}

/** Room for the question and its headers; what an IPv4 packet may have. */
const PACKET_MIN_BYTES = 200
const PACKET_MAX_BYTES = 65_535

function checkName(path: Path, name: string, kind: string, known: readonly string[], report: Report): void {
  if (!known.includes(name)) report.wrong(path, unknown(name, kind, known))
}

/** An address that is to be reached must be somebody's, or nobody would answer. */
function checkTarget(
  path: Path,
  to: string,
  holds: boolean,
  { hosts, outside, workloads }: Members,
  speakers: readonly string[],
  report: Report,
): void {
  if (parseIp(to) === null) return checkName(path, to, "workload, node or address", speakers, report)
  const own = [...hosts.map(({ address }) => address), outside.address, outside.underlay]
  const known = [...own.map(bare), ...workloads.flatMap(({ address, address6 }) => [address, address6])]
  if (holds && !known.includes(to)) report.wrong(path, `nobody in this lab has the address ${to}`)
}

function isGroup(text: string): boolean {
  const first = Number(text.split(".")[0])
  return parseIp(text)?.family === 4 && first >= 224 && first <= 239
}
