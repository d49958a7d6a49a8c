/**
 * What is over must not come back: an address that goes from one endpoint to the next under somebody who keeps talking
 * to it, endpoints that went while a daemon was away, a node that returns after its address was given to another, and
 * networks whose endpoints died with their host.
 */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { ovlCommand, TestCluster, type TestNode } from "../support/cluster.ts"
import { fdbRows, hiddenNamespaces, neighbourRows, remoteRows } from "../support/kernel-view.ts"
import { until } from "../support/machine.ts"
import { describeAsRoot } from "../support/netns.ts"

const CHURN_ROUNDS = 50
const REUSED = "10.65.10.99"

describeAsRoot("what is over", () => {
  let cluster: TestCluster
  let one: TestNode
  let two: TestNode
  let three: TestNode
  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["n1", "n2", "n3"] })
    ;[one, two, three] = cluster.nodes as [TestNode, TestNode, TestNode]
    one.ovl("network create red --subnet 10.65.10.0/24 --internal")
    for (const node of cluster.nodes) node.ovl(`run -d --network red --name w_${node.name}`)
    for (const node of [two, three]) node.machine.run("ip netns add guest")
  }, 60_000)
  afterAll(() => cluster.close())

  const pinged = (from: TestNode, to: string) =>
    from.machine.try(`ip netns exec ovl-w_${from.name} ping -n -c1 -W1 ${to}`).status === 0
  /** Without waiting for a program to start: what matters is what comes right after the answer. */
  const api = async (node: TestNode, method: string, path: string, body?: object) => {
    const answer = await fetch(`http://localhost/api/v1/${path}`, {
      unix: node.machine.file("/run/ovl/ovl.sock"),
      method,
      headers: { "content-type": "application/json" },
      body: body ? JSON.stringify(body) : undefined,
    })
    if (!answer.ok) throw new Error(`${node.name}: ${method} ${path}: ${await answer.text()}`)
  }

  test("an address that comes and goes is reached each time at once by who never stops asking (pain 7)", async () => {
    const guest = { network: "red", name: "guest", netns: "/run/netns/guest", ip: REUSED }
    await api(three, "POST", "endpoints", guest)
    const pinging = one.machine.start(`ip netns exec ovl-w_n1 ping -n -i 0.02 ${REUSED}`)
    await pinging.says("bytes from")
    await api(three, "DELETE", "endpoints/guest")
    const lost: string[] = []
    for (let round = 0; round < CHURN_ROUNDS; round++) {
      const node = round % 2 === 0 ? two : three
      await api(node, "POST", "endpoints", guest)
      if (!pinged(one, REUSED)) lost.push(`round ${round} on ${node.name}`)
      const heard = pinging.stdout.length
      await until(() => pinging.stdout.length > heard, `the long ping is answered in round ${round}`, 2_000)
      await api(node, "DELETE", "endpoints/guest")
    }
    pinging.signal("SIGINT")
    expect(lost).toEqual([])
    expect(neighbourRows(one, one.hidden("red")).filter((row) => row.startsWith(REUSED))).toEqual([])
  }, 60_000)

  test("endpoints that went while the daemon was away have no rows after its start (pain 5)", async () => {
    one.ovl("run -d --network red --name short")
    const hidden = two.hidden("red")
    const rows = () => [...remoteRows(two, hidden), ...neighbourRows(two, hidden)].join("\n")
    const [ip, mac] = [one.endpoint("short").ip.split("/")[0]!, one.endpoint("short").mac]
    expect([rows().includes(ip), rows().includes(mac)]).toEqual([true, true])
    await two.stop("SIGKILL")
    one.ovl("rm --force short")
    expect(rows()).toContain(mac)
    await two.resume()
    expect([rows().includes(ip), rows().includes(mac)]).toEqual([false, false])
    expect(pinged(two, one.endpoint("w_n1").ip.split("/")[0]!)).toBe(true)
  }, 30_000)

  test("a node that was removed does not put its endpoint over the one that has the address now (pain 4)", async () => {
    const { ip } = one.endpoint("w_n3")
    const address = ip.split("/")[0]!
    const theirs = () => fdbRows(one, one.hidden("red")).filter((row) => row.includes(three.address))
    await three.stop("SIGKILL")
    one.ovl("node rm n3")
    two.ovl(`run -d --network red --name heir --ip ${address}`)
    // It has its endpoint on disk and in its kernel, and begins with that.
    three.daemon = three.machine.start([...ovlCommand(), "join", "--advertise", three.address])
    const problems = () => three.try("status --json").stdout
    await until(() => problems().includes("not_member"), problems)
    expect(theirs()).toEqual([])
    expect(one.endpoint("heir").vtep).toBe(two.address)
    expect(pinged(one, address)).toBe(true)
    expect(neighbourRows(two, two.hidden("red")).filter((row) => row.startsWith(`${address} `))).toEqual([])
    await three.stop("SIGKILL")
  }, 30_000)

  test("a network whose endpoints died with their host and their namespace is removed (pain 11)", async () => {
    one.ovl("network create green --subnet 10.65.11.0/24 --internal")
    two.ovl("attach --network green --netns guest --name guest")
    one.ovl("run -d --network green --name mine")
    await two.stop("SIGKILL")
    two.machine.run("ip netns del guest")
    const refused = one.try("network rm green")
    expect([refused.status, refused.stderr]).toEqual([4, expect.stringContaining("guest")])
    one.ovl("network rm green --force")
    expect(one.ovl("network ls -q")).toBe(one.network("red").id)
    await two.resume()
    expect(hiddenNamespaces(two)).toEqual([two.hidden("red")])
    expect(hiddenNamespaces(one)).toEqual([one.hidden("red")])
  }, 30_000)
})
