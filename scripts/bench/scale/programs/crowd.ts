/**
 * Words: a server, a token, a network's id, how many nodes, and endpoints on each. Joins the cluster as so many nodes, one
 * after the other, each with endpoints of that network and nothing behind them. Prints `crowded` at the end.
 */
import { VERSION } from "../../../../src/base/version.ts"
import { systemClock } from "../../../../src/linux/system.ts"
import type { JoinAnswer } from "../../../../src/registry/port.ts"
import { remoteCluster } from "../../../../src/registry/rpc-remote.ts"
import { createKeyAndRequest } from "../../../../src/transport/certificates.ts"
import { requestJoin } from "../../../../src/transport/join.ts"
import { connectTls } from "../../../../src/transport/tls.ts"

const NODES_AT_ONCE = 4
const [server = "", token = "", networkId = "", nodes = "", endpoints = ""] = process.argv.slice(2)

/** One node of the crowd; its VTEP is an address that nobody has. */
async function join(place: number): Promise<void> {
  const name = `crowd${place}`
  const key = await createKeyAndRequest({ nodeId: place.toString(16).padStart(64, "0"), name })
  const address = `192.168.${100 + (place >> 7)}.${1 + (place & 127)}`
  const facts = { version: VERSION, underlayMtu: 1500, bootId: "crowd" }
  const request = { csrPem: key.csrPem, name, address, role: "client", ...facts }
  const answer = (await requestJoin({ servers: [server], token, request })) as JoinAnswer
  const { clusterId, recoveryEpoch } = answer
  const credentials = { cert: answer.certPem, key: key.keyPem, ca: answer.caPem }
  const connection = await connectTls({ address: server, expect: { clusterId, recoveryEpoch }, credentials })
  const cluster = remoteCluster({ connection: () => connection, clock: systemClock })
  const none = { ip: null, mac: null, netns: null, netnsId: null, egress: null }
  await cluster.createEndpoints(
    Array.from({ length: Number(endpoints) }, (_, n) => {
      const workload = `${name}-${n}`
      return { networkId, nodeId: answer.node.id, workload, name: workload, ifname: "eth0", origin: "attach", ...none }
    }),
  )
  connection.close()
}

for (let first = 0; first < Number(nodes); first += NODES_AT_ONCE) {
  const places = Array.from({ length: Math.min(NODES_AT_ONCE, Number(nodes) - first) }, (_, offset) => first + offset)
  await Promise.all(places.map(join))
}
process.stdout.write("crowded\n")
