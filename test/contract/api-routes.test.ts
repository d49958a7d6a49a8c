/** ovl's own routes and the client that speaks to them: what each answers, and what each refuses and how. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { appendFileSync, writeFileSync } from "node:fs"
import { answer, refusal } from "./api-answers.ts"
import { type Fixture, openFixture } from "./api-fixture.ts"

let fixture: Fixture
beforeAll(async () => {
  fixture = await openFixture()
})
afterAll(async () => {
  await fixture.close()
  expect(fixture.internalErrors).toEqual([])
})

describe("networks", () => {
  test("are made, listed, shown by name, id and beginning of an id, and removed", async () => {
    const { client } = fixture
    const made = await client.createNetwork({ name: "Red", subnets: [{ subnet: "10.65.10.0/24" }], labels: { a: "b" } })
    expect(made).toMatchObject({
      name: "Red",
      tenant: "default",
      driver: "overlay",
      scope: "global",
      vni: 256,
      subnets: [{ subnet: "10.65.10.0/24", gateway: "10.65.10.1" }],
      mtu: 1450,
      labels: { a: "b" },
      endpoints: [],
      local: { netns: `/run/netns/1-${made.id.slice(0, 10)}`, bridge: "br0", vxlan: "vxlan1" },
    })
    expect(await client.networks()).toEqual([made])
    for (const reference of ["Red", "rED", made.id, made.id.slice(0, 12)]) {
      expect(await client.network(reference)).toEqual(made)
    }
    await client.removeNetwork("red")
    expect(await client.networks()).toEqual([])
  })

  test("in use are removed only by force", async () => {
    const { client } = fixture
    await client.createNetwork({ name: "used" })
    const endpoint = await client.attach({ network: "used", name: "ns", netns: "/run/netns/ns" })
    expect((await client.network("used")).endpoints).toEqual([endpoint])
    expect(await refusal(client.removeNetwork("used"))).toBe("409 network_in_use")
    await client.removeNetwork("used", { force: true })
    expect(await client.endpoints()).toEqual([])
  })

  test("show what the kernel holds where that is asked for, and null where that is nothing", async () => {
    const { client } = fixture
    const { id } = await client.createNetwork({ name: "looked-at" })
    await client.createNetwork({ name: "elsewhere" })
    expect((await client.network("looked-at", { kernel: true })).kernel).toEqual({
      netns: `/run/netns/1-${id.slice(0, 10)}`,
      inSync: false,
      rows: [expect.objectContaining({ state: "missing", object: "neigh", endpoint: "w2", found: null })],
    })
    expect(await client.network("looked-at", { kernel: false })).not.toHaveProperty("kernel")
    expect((await client.network("elsewhere", { kernel: true })).kernel).toBeNull()
    const path = "http://ovl/api/v1/networks/looked-at?kernel=perhaps"
    expect((await fetch(path, { unix: fixture.socket })).status).toBe(400)
    for (const name of ["looked-at", "elsewhere"]) await client.removeNetwork(name)
  })

  test("refuse what is wrong", async () => {
    const { client } = fixture
    await client.createNetwork({ name: "taken" })
    expect(await refusal(client.createNetwork({ name: "TAKEN" }))).toBe("409 network_name_taken")
    expect(await refusal(client.createNetwork({ name: "x", secure: true }))).toBe("500 not_available")
    expect(await refusal(client.network("none"))).toBe("404 network_not_found")
    await expect(client.network("taekn")).rejects.toMatchObject({
      hint: "did you mean taken? ovl network ls shows all",
    })
    await expect(client.network("none")).rejects.toMatchObject({ hint: "see ovl network ls" })
    expect(await refusal(client.removeNetwork("none"))).toBe("404 network_not_found")
    expect(await refusal(client.endpoints({ network: "none" }))).toBe("404 network_not_found")
    await client.removeNetwork("taken")
  })
})

test("endpoints: attached, listed, shown and detached", async () => {
  const { client } = fixture
  await client.createNetwork({ name: "net", subnets: [{ subnet: "10.1.0.0/24" }] })
  await client.createNetwork({ name: "other" })
  const made = await client.attach({
    network: "net",
    name: "ns1",
    netns: "/run/netns/a",
    ip: "10.1.0.9",
    ifname: "eth7",
  })
  expect(made).toMatchObject({
    name: "ns1",
    network: "net",
    node: "swarm-01",
    vtep: "192.168.1.51",
    ip: "10.1.0.9/24",
    ip6: null,
    mac: "02:42:0a:01:00:09",
    ifname: "eth7",
    netns: "/run/netns/a",
    egress: null,
  })
  expect(await client.endpoints()).toEqual([made])
  expect(await client.endpoints({ network: "net" })).toEqual([made])
  expect(await client.endpoints({ network: "other" })).toEqual([])
  expect(await client.endpoint("ns1")).toEqual(made)
  expect(await client.endpoint(made.id)).toEqual(made)
  const further = await client.connect("other", { workload: "ns1" })
  expect(further).toMatchObject({ name: "ns1.other", network: "other", netns: "/run/netns/a" })
  expect(await refusal(client.connect("none", { workload: "ns1" }))).toBe("404 network_not_found")
  expect(await refusal(client.connect("net", { workload: "nobody" }))).toBe("404 workload_not_found")
  await client.disconnect("other", "ns1")
  expect(await refusal(client.disconnect("other", "ns1"))).toBe("404 not_connected")
  await client.detach("ns1")
  expect(await refusal(client.endpoint("ns1"))).toBe("404 endpoint_not_found")
  expect(await refusal(client.detach("ns1"))).toBe("404 endpoint_not_found")
  expect(await refusal(client.attach({ network: "none", netns: "/x" }))).toBe("404 network_not_found")
})

test("nodes: listed, shown; not removed by themselves", async () => {
  const { client } = fixture
  const [node] = await client.nodes()
  expect(node).toMatchObject({ name: "swarm-01", address: "192.168.1.51", role: "server", voter: true, leader: true })
  expect(await client.node("SWARM-01")).toEqual(node!)
  expect(await refusal(client.node("none"))).toBe("404 node_not_found")
  expect(await refusal(client.removeNode("none"))).toBe("404 node_not_found")
  expect(await refusal(client.removeNode("swarm-01"))).toBe("409 node_is_self")
})

test("tokens: shown once, listed without secret, taken back", async () => {
  const { client } = fixture
  const made = await client.createToken({ role: "server", uses: 3 })
  expect(made.role).toBe("server")
  const listed = (await client.tokens()).find(({ id }) => id === made.id)
  expect(Object.keys(listed!).sort()).toEqual(["created", "expires", "id", "role", "usesLeft"])
  await client.removeToken(made.id)
  expect(await refusal(client.removeToken(made.id))).toBe("404 token_unknown")
  expect((await client.createToken()).role).toBe("client")
})

test("workloads: run, started, stopped, ended, entered, removed", async () => {
  const { client } = fixture
  const { workload, enter } = await client.run({
    networks: ["red"],
    name: "web",
    command: ["sleep", "9"],
    detach: true,
  })
  expect(workload).toMatchObject({ name: "web", node: "swarm-01", status: "running", command: ["sleep", "9"] })
  expect(await client.enter("web")).toEqual(enter)
  await client.workloadStarted("web", 4711)
  expect((await client.workloads())[0]?.pid).toBe(4711)
  expect(await refusal(client.removeWorkload("web"))).toBe("409 workload_running")
  await client.stopWorkload("web", { graceMs: 0 })
  expect((await client.workloads())[0]).toMatchObject({ status: "exited", exitCode: 137 })
  await client.stopWorkload("web")
  expect((await client.workloads())[0]).toMatchObject({ exitCode: 143 })
  await client.workloadEnded("web", 7)
  expect((await client.workloads())[0]).toMatchObject({ status: "exited", exitCode: 7 })
  await client.removeWorkload("web")
  await client.run({ networks: ["red"], name: "web", detach: false })
  await client.removeWorkload("web", { force: true })
  for (const call of [
    client.enter("web"),
    client.stopWorkload("web"),
    client.removeWorkload("web"),
    client.workloadEnded("web", 0),
  ]) {
    expect(await refusal(call)).toBe("404 workload_not_found")
  }
})

describe("logs", () => {
  const read = async (follow: boolean) => {
    let text = ""
    for await (const piece of fixture.client.logs("log", { follow })) text += Buffer.from(piece).toString()
    return text
  }

  test("are what is there, or what comes until the workload ends", async () => {
    const { client, dir } = fixture
    await client.run({ networks: ["red"], name: "log", detach: true })
    expect(await read(false)).toBe("first line\n")
    const following = read(true)
    await Bun.sleep(30)
    appendFileSync(`${dir}/log.log`, "second line\n")
    await Bun.sleep(300)
    // The log drops its older half in place, as the supervisor does it, and goes on.
    writeFileSync(`${dir}/log.log`, "second line\nthird\n")
    await Bun.sleep(300)
    appendFileSync(`${dir}/log.log`, "last words\n")
    await client.workloadEnded("log", 0)
    expect(await following).toBe("first line\nsecond line\nthird\nlast words\n")
  })

  test("of an unknown workload are an error, and a large one arrives whole", async () => {
    expect(await refusal(fixture.client.logs("none").next())).toBe("404 workload_not_found")
    const large = `${"x".repeat(99)}\n`.repeat(50_000)
    writeFileSync(`${fixture.dir}/log.log`, large)
    expect((await read(false)) === large).toBe(true)
  })

  test("of the last lines: as many as asked for, however long they are, and then what comes", async () => {
    const { client, dir } = fixture
    const path = `${dir}/log.log`
    const tail = async (lines: number) => {
      let text = ""
      for await (const piece of client.logs("log", { tail: lines })) text += Buffer.from(piece).toString()
      return text
    }
    const long = "x".repeat(200_000)
    for (const [content, lines, expected] of [
      ["a\nb\nc\n", 2, "b\nc\n"],
      ["a\nb\nc", 2, "b\nc"],
      ["a\nb\n", 9, "a\nb\n"],
      ["a\n\n\n", 2, "\n\n"],
      ["a\nb\n", 0, ""],
      ["", 3, ""],
      ["\n", 1, "\n"],
      [`a\n${long}\n${long}\nend\n`, 2, `${long}\nend\n`],
      [`${long}\nend`, 2, `${long}\nend`],
    ] as const) {
      writeFileSync(path, content)
      expect((await tail(lines)) === expected).toBe(true)
    }
    expect(await refusal(client.logs("log", { tail: -1 }).next())).toBe("400 query_invalid")
    writeFileSync(path, "a\nb\n")
    await client.run({ networks: ["red"], name: "log", detach: true })
    writeFileSync(path, "a\nb\n")
    const following = client.logs("log", { tail: 1, follow: true })
    expect(Buffer.from((await following.next()).value!).toString()).toBe("b\n")
    appendFileSync(path, "c\n")
    expect(Buffer.from((await following.next()).value!).toString()).toBe("c\n")
    await following.return(undefined)
  })
})

test("events: as they happen, until the reader goes", async () => {
  const { node, client } = fixture
  const events = client.events()
  const first = events.next()
  while (node.listeners === 0) await Bun.sleep(1)
  const event = {
    time: "2026-01-01T00:00:00.000Z",
    node: "swarm-01",
    type: "network_created",
    message: "a\nb",
    fields: { network: "red" },
  }
  node.emit(event)
  node.emit({ ...event, type: "second" })
  expect((await first).value).toEqual(event)
  expect((await events.next()).value?.type).toBe("second")
  await events.return(undefined)
  while (node.listeners > 0) await Bun.sleep(1)

  const types = async (options: { since?: string; follow: false }) =>
    (await Array.fromAsync(client.events(options))).map(({ type }) => type)
  node.emit({ ...event, time: "2026-01-01T00:00:01.000Z", type: "third" })
  expect(await types({ follow: false })).toEqual(["network_created", "second", "third"])
  expect(await types({ follow: false, since: "2026-01-01T01:00:00.500+01:00" })).toEqual(["third"])
  expect(node.listeners).toBe(0)
  const again = client.events({ since: "2026-01-01T00:00:01Z" })
  expect((await again.next()).value?.type).toBe("third")
  node.emit({ ...event, type: "fourth" })
  expect((await again.next()).value?.type).toBe("fourth")
  await again.return(undefined)
  expect(await refusal(Array.fromAsync(client.events({ since: "yesterday" })))).toBe("400 query_invalid")
})

test("ping: between names, of a whole network, and what is wrong with names", async () => {
  const { client } = fixture
  await client.createNetwork({ name: "ring", subnets: [{ subnet: "10.7.0.0/24" }, { subnet: "fd07::/64" }] })
  await client.createNetwork({ name: "apart", subnets: [{ subnet: "10.8.0.0/24" }] })
  for (const [network, name] of [
    ["ring", "p1"],
    ["ring", "p2"],
    ["apart", "p3"],
  ] as const)
    await client.attach({ network, name, netns: `/run/netns/${name}` })
  expect(await client.ping({ from: "P1", to: "p2", count: 1 })).toEqual({
    network: "ring",
    from: { name: "p1", node: "swarm-01", ip: "10.7.0.2" },
    to: { name: "p2", node: "swarm-01", ip: "10.7.0.3" },
    sent: 1,
    received: 1,
    lossPercent: 0,
    min: 0.5,
    avg: 0.5,
    max: 0.5,
    replies: [{ seq: 1, ms: 0.5, why: null }],
    problem: null,
  })
  const lines = await Array.fromAsync(client.pingLines({ from: "p1", to: "p2", count: 1 }))
  const whole = await client.ping({ from: "p1", to: "p2", count: 1 })
  const { network, from, to } = whole
  expect(lines).toEqual([{ pair: { network, from, to } }, { reply: whole.replies[0]! }, { view: whole }])
  expect(await refusal(client.pingLines({ from: "p1", to: "none" }).next())).toBe("404 endpoint_not_found")
  expect((await client.ping({ from: "p1", to: "p2", family: 6 })).to.ip).toBe("fd07::3")
  // An address of the network has its owner's name, another one has none.
  expect((await client.ping({ from: "p1", to: "10.7.0.3" })).to).toEqual({
    name: "p2",
    node: "swarm-01",
    ip: "10.7.0.3",
  })
  expect(await client.ping({ from: "p1", to: "203.0.113.1" })).toMatchObject({ network: null, to: { name: null } })
  const all = await client.pingNetwork("ring")
  expect(all).toMatchObject({ network: "ring", failed: 2 })
  expect(all.pairs.map(({ from, to }) => `${from.name} ${to.name}`)).toEqual(["p1 p2", "p2 p1"])
  expect((await client.pingNetwork("apart")).pairs).toEqual([])

  expect(await refusal(client.ping({ from: "p1", to: "p3" }))).toBe("409 no_shared_network")
  expect(await refusal(client.ping({ from: "p1", to: "p2", network: "apart" }))).toBe("404 endpoint_not_found")
  expect(await refusal(client.ping({ from: "p1", to: "p2", network: "none" }))).toBe("404 network_not_found")
  expect(await refusal(client.ping({ from: "p3", to: "p3", family: 6 }))).toBe("422 family_missing")
  expect(await refusal(client.ping({ from: "none", to: "p2" }))).toBe("404 endpoint_not_found")
  expect(await refusal(client.ping({ from: "p1", to: "none" }))).toBe("404 endpoint_not_found")
  expect(await refusal(client.ping({ from: "p1", to: "p2", count: 0 }))).toBe("422 request_invalid")
  expect(await refusal(client.ping({ from: "p1", to: "p2", count: 100, intervalMs: 60_000 }))).toBe(
    "422 request_invalid",
  )
  expect(await refusal(client.pingNetwork("none"))).toBe("404 network_not_found")
  expect(await refusal(client.pingNetwork("ring", { count: 11 }))).toBe("422 request_invalid")
  for (const network of ["ring", "apart"]) await client.removeNetwork(network, { force: true })
})

test("status, healthz, metrics, leave", async () => {
  const { node, client } = fixture
  expect(await client.status()).toMatchObject({
    node: { name: "swarm-01" },
    health: "ok",
    cluster: { leader: "swarm-01" },
  })
  expect(await answer(fixture.socket, "GET", "/healthz")).toBe("200 ok\n")
  expect(await client.metrics()).toContain('ovl_info{version="0.1.0",node="swarm-01",role="server"} 1\n')
  await client.leave()
  expect(node.left).toBe(true)
})

test("healthz of a degraded node is 503 and says why", async () => {
  const { status } = fixture.node
  const problems = [{ code: "no_leader", message: "m", hint: "h", level: "error" as const }]
  fixture.node.status = async () => ({ ...(await status()), health: "degraded", problems })
  expect(await answer(fixture.socket, "GET", "/healthz")).toBe("503 degraded: no_leader\n")
  fixture.node.status = status
})
