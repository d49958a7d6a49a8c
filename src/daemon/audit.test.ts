import { expect, test } from "bun:test"
import { Audit, type AuditLine } from "../api/audit.ts"
import { OvlError } from "../base/errors.ts"
import { ManualClock } from "../base/manual-clock.ts"
import type { PeerHandler, PeerIdentity } from "../transport/port.ts"
import { JOIN_METHOD } from "../transport/server-session.ts"
import { auditedPeers } from "./audit.ts"

const TOKEN = `ovl1.${"A".repeat(43)}.0123456789ab.${"s".repeat(32)}`

test("a server tells what other nodes change, by their certificates' names, and who joins, without the token", async () => {
  const lines: AuditLine[] = []
  const sink = { line: (line: AuditLine) => void lines.push(line), leftOut() {} }
  const audit = new Audit({ scope: "changes", node: "swarm-01", clock: new ManualClock(), sinks: [sink] })
  const handler: PeerHandler = {
    async call(method, params) {
      if (method === "cluster/removeNode") throw new OvlError("node_not_found", "no", { kind: "not_found" })
      if (method === JOIN_METHOD && (params as { name: string }).name === "taken") throw new Error("no")
      return { revision: 7 }
    },
    subscribe() {},
  }
  const { call } = auditedPeers(handler, audit)
  const peer: PeerIdentity = { nodeId: "b".repeat(64), name: "swarm-02", role: "client" }
  await call("cluster/createNetwork", { name: "red", who: "root" }, { peer })
  await call("cluster/createEndpoints", [{ name: "a" }, { name: "b" }, 5], { peer })
  await call("cluster/heartbeat", { nodeId: peer.nodeId }, { peer })
  await call("cluster/listTokens", null, { peer })
  await call("cluster/removeNode", { id: "c" }, { peer }).catch(() => {})
  await call("toString", {}, { peer })
  await call(JOIN_METHOD, { token: TOKEN, name: "swarm-03" }, { peer: null })
  await call(JOIN_METHOD, { token: TOKEN, name: "taken" }, { peer: null }).catch(() => {})
  expect(
    lines.map(({ who, from, what, object, revision, error }) => [who, from, what, object, error ?? revision]),
  ).toEqual([
    ["node/swarm-02", "swarm-02", "network create", "red", 7],
    ["node/swarm-02", "swarm-02", "endpoint create", "a,b,", 7],
    ["node/swarm-02", "swarm-02", "node rm", "c", "node_not_found"],
    ["token/0123456789ab", "unknown", "join", "swarm-03", 7],
    ["nobody", "unknown", "join", "taken", "internal"],
  ])
  expect(JSON.stringify(lines)).not.toContain("sssss")
})
