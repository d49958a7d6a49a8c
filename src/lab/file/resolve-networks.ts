/** The networks of a lab's file, each as `ovl network create` would be asked for it. */
import type { NetworkSpec } from "../../model/network.ts"
import { parseIp } from "../../model/address.ts"
import { askedSubnets, withGateways } from "../../model/subnet.ts"
import { type Report, Taken } from "./report.ts"
import type { LabFile } from "./schema.ts"

type NetworkEntry = NonNullable<LabFile["networks"]>[string]

export function resolveNetworks(file: LabFile, report: Report): NetworkSpec[] {
  const names = new Taken()
  const vnis = new Taken()
  return Object.entries(file.networks ?? {}).map(([name, entry]) => {
    const path = ["networks", name]
    const other = names.take(name, name)
    if (other !== null) report.wrongName(path, `it is the same name as ${other}: upper and lower case do not count`)
    const owner = entry.vni === undefined ? null : vnis.take(String(entry.vni), `network ${name}`)
    if (owner !== null) report.wrong([...path, "vni"], `${entry.vni} is the VNI of ${owner}`)
    const spec = specOf(name, entry, report)
    report.judged([...path, entry.subnet === undefined ? "ip-range" : "subnet"], () => askedSubnets(spec))
    return spec
  })
}

/** What is not said stays out, so that it compares as what was asked for. */
function specOf(name: string, entry: NetworkEntry, report: Report): NetworkSpec {
  const path = ["networks", name]
  const asked = entry.subnet === undefined ? [] : [entry.subnet].flat()
  const gateways = entry.gateway === undefined ? [] : [entry.gateway].flat()
  const malformed = gateways.filter((gateway) => parseIp(gateway) === null)
  for (const gateway of malformed) report.wrong([...path, "gateway"], `${gateway}: it is no address`)
  const wellFormed = gateways.filter((gateway) => !malformed.includes(gateway))
  const subnets = report.judged([...path, "gateway"], () => withGateways(asked, wellFormed)) ?? withGateways(asked, [])
  const labels = Object.keys(entry.labels ?? {}).map((key) => [key, report.text([...path, "labels", key])])
  return {
    name,
    ...(subnets.length > 0 && { subnets }),
    ...(entry["ip-range"] !== undefined && { ipRange: entry["ip-range"] }),
    ...(entry.vni !== undefined && { vni: entry.vni }),
    ...(entry.mtu !== undefined && { mtu: entry.mtu }),
    ...(entry.internal && { internal: true }),
    ...(entry.multicast && { multicast: true }),
    ...(entry["allow-spoof"] && { allowSpoof: true }),
    ...(labels.length > 0 && { labels: Object.fromEntries(labels) }),
  }
}
