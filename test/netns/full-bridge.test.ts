/** A bridge of the real kernel, with as many endpoints as all hear a broadcast. Who would be one too many is told so, and nothing is half done. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { BRIDGE_ENDPOINTS_MAX as ENDPOINTS } from "../../src/base/limits.ts"
import { TestCluster, type TestNode } from "../support/cluster.ts"
import { links } from "../support/kernel-view.ts"
import { describeAsRoot } from "../support/netns.ts"

const ATTACHES_AT_ONCE = 8

describeAsRoot("a full bridge", () => {
  let cluster: TestCluster
  let one: TestNode
  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["n1"] })
    one = cluster.node("n1")
    one.ovl("network create red --subnet 10.65.0.0/20 --internal")
    const names = Array.from({ length: ENDPOINTS + 1 }, (_, i) => `netns add w${i}`)
    one.machine.run("ip -batch -", { input: names.join("\n") })
  }, 60_000)
  afterAll(() => cluster.close())

  const attach = async (name: string) => {
    const unix = one.machine.file("/run/ovl/ovl.sock")
    const body = JSON.stringify({ network: "red", name, netns: `/run/netns/${name}` })
    const answer = await fetch("http://ovl/api/v1/endpoints", { method: "POST", unix, body })
    if (answer.status !== 201) throw new Error(`${name}: ${await answer.text()}`)
  }
  const ports = () => links(one, one.hidden("red")).filter(({ master }) => master === "br0").length

  test("takes so many and no more, says what to do, and has room again when one has gone", async () => {
    const left = Array.from({ length: ENDPOINTS }, (_, i) => `w${i}`)
    const lane = async () => {
      for (let name = left.pop(); name !== undefined; name = left.pop()) await attach(name)
    }
    await Promise.all(Array.from({ length: ATTACHES_AT_ONCE }, lane))
    expect(ports()).toBe(ENDPOINTS + 1)
    const tooMany = one.try(`attach --network red --netns w${ENDPOINTS} --name last`)
    expect([tooMany.status, tooMany.stdout, tooMany.stderr]).toEqual([
      4,
      "",
      `ovl: cannot put last on network red: its bridge on this node takes ${ENDPOINTS} endpoints, and has them\n` +
        "hint: put it on another node, or detach endpoints of the network here\n",
    ])
    expect(one.machine.run(`ip -n w${ENDPOINTS} -br link`)).not.toContain("eth0")
    expect(one.status()).toMatchObject({ endpoints: ENDPOINTS, kernel: { inSync: true } })
    one.ovl("detach w7")
    one.ovl(`attach --network red --netns w${ENDPOINTS} --name last`)
    // The first ports too hear who is asked for.
    for (const address of ["10.65.0.2", "10.65.0.3", "10.65.1.1", "10.65.3.200"])
      one.machine.run(`ip netns exec w${ENDPOINTS} ping -c1 -W1 ${address}`)
    expect(ports()).toBe(ENDPOINTS + 1)
  }, 90_000)
})
