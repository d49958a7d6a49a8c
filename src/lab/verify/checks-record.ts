/** Beside the data plane: each node's health, and the networks' records as a reader of Consul finds them. */
import { DOCKER_RECORD_FLAGS, dockerRecordKey, dockerRecordsPrefix } from "../../model/record.ts"
import { leadableHosts } from "../topology.ts"
import type { Check, Findings } from "./check.ts"
import { httpGet } from "./http.ts"
import type { Scene, SceneHost } from "./scene.ts"

/** `--http` is left at its default inside a lab's hosts. */
const HTTP_PORT = 8500

/** Of a node that is cut off nothing is expected but its kernel. */
export function recordChecks(whole: Scene): Check[] {
  const hosts = leadableHosts(whole.topology)
  if (hosts.length === 0) return []
  const names = new Set(hosts.map((host) => host.name))
  const topology = { ...whole.topology, hosts }
  const scene = { ...whole, hosts: whole.hosts.filter((host) => names.has(host.name)), topology }
  return [
    { name: "nodes", look: (findings) => nodes(scene, findings) },
    ...scene.hosts.map((host) => ({
      name: `${host.name}: the networks' records in the KV`,
      look: (findings: Findings) => records(scene, host, findings),
    })),
  ]
}

async function nodes(scene: Scene, findings: Findings): Promise<void> {
  for (const { name, status, client } of scene.hosts) {
    const { health, kernel, problems } = status
    const fact = `${name}: ${health}, kernel ${kernel.inSync ? "in sync" : "not in sync"}`
    const why = problems.map((problem) => `: ${problem.message}`).join("")
    findings.expect(health === "ok" && kernel.inSync, fact, `${fact}${why}`)
    const all = await client.nodes()
    const inTouch = all.filter((node) => scene.hosts.some((host) => host.name === node.name))
    const known = inTouch.map((node) => `${node.name} ${node.address} ${node.role} ${node.state}`)
    const expected = scene.topology.hosts.map((host) => `${host.name} ${host.address.split("/")[0]} ${host.role} alive`)
    findings.expectRows(`${name} sees`, known, expected)
  }
}

/** One entry of Consul's answer. The flags are compared as text: they are larger than a JavaScript number is exact. */
interface Entry {
  key: string
  flags: string
  value: string
}

async function records(scene: Scene, host: SceneHost, findings: Findings): Promise<void> {
  const { kvPrefix } = scene.topology
  const keyOf = (id: string) => dockerRecordKey(kvPrefix, id)
  const prefix = dockerRecordsPrefix(kvPrefix)
  const all = await entries(host, `/v1/kv/${prefix}?recurse`)
  findings.expectRows(
    "keys",
    all.map((entry) => entry.key),
    host.networks.map((network) => keyOf(network.id)),
  )
  const wanted = new Set(scene.topology.networks.map((network) => network.name))
  for (const network of host.networks.filter((each) => wanted.has(each.name))) {
    const [entry] = await entries(host, `/v1/kv/${keyOf(network.id)}`)
    const subnets = network.subnets.map(({ subnet, gateway }) => ({
      SubnetIP: subnet,
      GwIP: `${gateway}/${subnet.split("/")[1]}`,
      Vni: network.vni,
    }))
    const mtu = scene.topology.networks.find((each) => each.name === network.name)?.mtu ?? 0
    const value = JSON.stringify({ mtu, secure: false, subnets })
    const actual = entry ? `flags ${entry.flags} ${entry.value}` : "missing"
    const fact = `${network.name}: ${actual}`
    findings.expect(actual === `flags ${DOCKER_RECORD_FLAGS} ${value}`, fact, `${fact}, not ${value}`)
  }
}

async function entries(host: SceneHost, target: string): Promise<Entry[]> {
  const answer = await httpGet(host.netns, HTTP_PORT, target)
  if (answer.status !== 200) throw new Error(`GET ${target}: ${answer.status} ${answer.body.slice(0, 200)}`)
  const exact = answer.body.replace(/"Flags":\s*(\d+)/g, '"Flags":"$1"')
  const parsed = JSON.parse(exact) as { Key: string; Flags: string; Value: string | null }[]
  return parsed.map(({ Key, Flags, Value }) => {
    return { key: Key, flags: Flags, value: Buffer.from(Value ?? "", "base64").toString() }
  })
}
