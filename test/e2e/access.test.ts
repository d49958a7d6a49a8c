/** Who may do what, over TCP, from the node itself: INTERFACE sections 5 to 7, asked with curl. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { TestCluster, type TestNode } from "../support/cluster.ts"
import { describeAsRoot } from "../support/netns.ts"

const RECORD = '{"mtu":0,"secure":false,"subnets":[{"SubnetIP":"10.65.10.0/24","GwIP":"10.65.10.1/24","Vni":256}]}'
const FLAGS = 3304740253564472344n

interface Answer {
  status: number
  headers: Map<string, string>
  body: string
}

describeAsRoot("the API over TCP", () => {
  let cluster: TestCluster
  let one: TestNode
  let two: TestNode
  let server: string
  let client: string
  let red: string
  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["n1", "n2"], serve: ["--kv-prefix", "swarm"] })
    one = cluster.node("n1")
    two = cluster.node("n2")
    red = one.ovl("network create red --subnet 10.65.10.0/24")
    server = one.ovl("token create --role server")
    client = one.ovl("token create")
    one.ovl("run -d --network red --name home")
  })
  afterAll(() => cluster.close())

  /** Options of curl, then the path. */
  const ask = (node: TestNode, path: string, ...options: string[]): Answer => {
    const url = path.startsWith("http") ? path : `http://127.0.0.1:8500${path}`
    const text = node.machine.run(["curl", "-sS", "-i", "--path-as-is", "--max-time", "5", ...options, url])
    const [head = "", ...rest] = text.split("\r\n\r\n")
    const [first = "", ...lines] = head.split("\r\n")
    const headers = new Map(
      lines.map((line): [string, string] => {
        const at = line.indexOf(":")
        return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()]
      }),
    )
    return { status: Number(first.split(" ")[1]), headers, body: rest.join("\r\n\r\n") }
  }
  const bearer = (token: string) => ["-H", `Authorization: Bearer ${token}`]
  const put = (value: string) => ["-X", "PUT", "--data-binary", value]

  test("every path, with no token, a client's and a server's, on the server and on the client node", () => {
    const newNetwork = (name: string) => [
      "-X",
      "POST",
      "-H",
      "content-type: application/json",
      "-d",
      `{"name":"${name}"}`,
    ]
    const table: [string, string[], string][] = [
      // What, how, and the answers to no token, a client's token, a server's token.
      ["/v1/kv/plain", put("x"), "200 200 200"],
      ["/v1/kv/plain", [], "200 200 200"],
      ["/v1/kv/?recurse", [], "200 200 200"],
      ["/v1/status/leader", [], "200 200 200"],
      ["/healthz", [], "200 200 200"],
      ["/metrics", [], "200 200 200"],
      ["/openapi.json", [], "200 200 200"],
      ["/api/v1/networks", [], "401 200 200"],
      ["/api/v1/networks/red", [], "401 200 200"],
      ["/api/v1/endpoints", [], "401 200 200"],
      ["/api/v1/nodes", [], "401 200 200"],
      ["/api/v1/status", [], "401 200 200"],
      ["/api/v1/tokens", [], "401 200 200"],
      ["/api/v1/networks", newNetwork("made"), "401 403 201"],
      ["/api/v1/networks/made", ["-X", "DELETE"], "401 403 204"],
      ["/api/v1/nodes/nowhere", ["-X", "DELETE"], "401 403 404"],
      ["/v1/snapshot", [], "403 403 .*"],
      ["/v1/operator/raft/configuration", [], "403 403 .*"],
      ["/api/v1/nonsense", [], "401 (404|403) 404"],
      ["/nonsense", [], "404 404 404"],
    ]
    const failures: string[] = []
    for (const node of [one, two]) {
      for (const [path, options, wanted] of table) {
        const answers = [[], bearer(client), bearer(server)].map(
          (token) => ask(node, path, ...options, ...token).status,
        )
        if (!new RegExp(`^${wanted}$`).test(answers.join(" ")))
          failures.push(`${node.name} ${path}: ${answers.join(" ")}`)
      }
    }
    expect(failures).toEqual([])
  })

  test("a token that is forged, expired or removed is refused, in each place that it may stand in", async () => {
    const last = server.at(-1) === "0" ? "1" : "0"
    expect(ask(one, "/api/v1/networks", ...bearer(`${server.slice(0, -1)}${last}`)).status).toBe(403)
    expect(ask(one, "/api/v1/networks", ...bearer("x".repeat(5000))).status).toBe(403)
    expect(ask(one, "/api/v1/networks", "-H", `X-Consul-Token: ${client}`).status).toBe(200)
    expect(ask(one, `/api/v1/networks?token=${client}`).status).toBe(200)
    const short = one.ovl("token create --ttl 1s")
    const { id, token } = one.json<{ id: string; token: string }>("token create --role server")
    expect(ask(one, "/api/v1/networks", ...bearer(token)).status).toBe(200)
    one.ovl(`token rm ${id}`)
    expect(ask(one, "/api/v1/networks", ...bearer(token)).status).toBe(403)
    await Bun.sleep(1_100)
    expect(ask(one, "/api/v1/networks", ...bearer(short)).status).toBe(403)
    const refused = JSON.parse(ask(one, "/api/v1/networks").body) as { error: { code: string; hint: string } }
    expect(refused.error).toMatchObject({ code: "token_missing", hint: expect.stringContaining("token create") })
  })

  test("a foreign Host or Origin is refused, whatever the token", () => {
    const status = (...headers: string[]) =>
      ask(one, "/v1/kv/plain", ...headers.flatMap((header) => ["-H", header]), ...bearer(server)).status
    expect(status("Host: evil.example")).toBe(403)
    expect(status("Host: evil.example:8500")).toBe(403)
    expect(status("Host: localhost.evil.example")).toBe(403)
    expect(status("Host: localhost")).toBe(200)
    expect(status("Host: localhost:8500")).toBe(200)
    expect(status("Host: [::1]:8500")).toBe(200)
    expect(status("Host: 127.0.0.1:8500")).toBe(200)
    expect(status("Origin: http://evil.example")).toBe(403)
    expect(status("Origin: null")).toBe(403)
    expect(status("Origin: http://127.0.0.1:9999")).toBe(403)
    expect(status("Origin: http://127.0.0.1:8500")).toBe(200)
  })

  test("the article's transcript: curl -v of the network's key, on both nodes, by localhost", () => {
    for (const node of [one, two]) {
      const url = `http://localhost:8500/v1/kv/swarm/docker/network/v1.0/overlay/network/${red}/`
      const said = node.machine.try(["curl", "-v", "-s", url])
      expect(said.status).toBe(0)
      expect(said.stderr).toMatch(/< HTTP\/1\.1 200 OK/)
      expect(said.stderr).toMatch(/< Content-Type: application\/json/i)
      expect(said.stderr).toMatch(/< X-Consul-Index: \d+/i)
      expect(said.stderr).toMatch(/< X-Consul-Knownleader: true/i)
      expect(said.stderr).toMatch(/< X-Consul-Lastcontact: \d+/i)
      const rows = JSON.parse(said.stdout.replace(/("Flags":)(\d+)/, '$1"$2"')) as Record<string, unknown>[]
      expect(rows).toHaveLength(1)
      expect(rows[0]).toMatchObject({
        Key: `swarm/docker/network/v1.0/overlay/network/${red}/`,
        Flags: String(FLAGS),
        LockIndex: 0,
        CreateIndex: expect.any(Number),
        ModifyIndex: expect.any(Number),
      })
      expect(atob(String(rows[0]?.Value))).toBe(RECORD)
      expect(ask(node, `${url}?raw`).body).toBe(RECORD)
    }
  })

  test("protected keys are nobody's to write, nor to delete; what lies beside them is", () => {
    const key = `/v1/kv/swarm/docker/network/v1.0/overlay/network/${red}/`
    for (const node of [one, two]) {
      for (const token of [[], bearer(server)]) {
        expect(ask(node, key, ...put("{}"), ...token).status).toBe(403)
        expect(ask(node, "/v1/kv/swarm/docker/network/mine", ...put("x"), ...token).status).toBe(403)
        expect(ask(node, key, "-X", "DELETE", ...token).status).toBe(403)
        expect(ask(node, "/v1/kv/swarm/docker/network/?recurse", "-X", "DELETE", ...token).status).toBe(403)
        expect(ask(node, "/v1/kv/swarm/docker/network/v1.0/?recurse", "-X", "DELETE", ...token).status).toBe(403)
        const other = `/v1/kv/swarm/../swarm/docker/network/${red}`
        expect(ask(node, other, ...put("x"), ...token).status).not.toBe(200)
      }
      expect(ask(node, "/v1/kv/swarm/docker/networking", ...put("x")).body).toBe("true")
      expect(ask(node, "/v1/kv/swarm/docker/beside", ...put("x")).body).toBe("true")
      expect(ask(node, "/v1/kv/swarm/docker/?recurse", "-X", "DELETE")).toMatchObject({ status: 200, body: "true" })
      expect(ask(node, "/v1/kv/swarm/docker/beside").status).toBe(404)
      expect(ask(node, "/v1/kv/swarm/docker/networking").status).toBe(404)
      expect(ask(node, "/v1/kv/?recurse", "-X", "DELETE")).toMatchObject({ status: 200, body: "true" })
      expect(ask(node, `${key}?raw`).body).toBe(RECORD)
    }
    expect(one.network("red").id).toBe(red)
    two.ovl("run -d --network red --name after")
    two.exec("after", "ping -c1 -W1 home")
  })

  test("no secret is shown: not by the KV, events, metrics or the lists, to whoever asks", () => {
    const secrets = [server, client, server.split(".").at(-1)!, "PRIVATE KEY"]
    const shown = [
      "/v1/kv/?recurse",
      "/v1/kv/?keys",
      "/metrics",
      "/api/v1/tokens",
      "/api/v1/status",
      "/api/v1/nodes",
      "/openapi.json",
    ]
    for (const node of [one, two]) {
      const text = shown.map((path) => ask(node, path, ...bearer(server)).body).join("\n")
      for (const secret of secrets) expect(text).not.toContain(secret)
      const keys = JSON.parse(ask(node, "/v1/kv/?keys").body) as string[]
      expect(keys.every((key) => key.startsWith("swarm/docker/"))).toBe(true)
    }
    const stored = one.machine.sh(`cat ${one.dataDir}/store/* | strings -n 20`)
    expect(stored).not.toContain(server)
    expect(stored).not.toContain(server.split(".").at(-1)!)
  })

  test("files are 0600 and directories 0700; the socket is root's", () => {
    for (const node of [one, two]) {
      const modes = node.machine.sh(`find ${node.dataDir} /run/ovl -printf '%m %y %p\\n'`).trim().split("\n")
      const open = modes.filter(
        (line) =>
          !/^(700 d|600 f|6[0-6]0 s)/.test(line) && !/workloads\/[^/]+\/(hosts|hostname|resolv.conf)$/.test(line),
      )
      expect(open).toEqual([])
    }
  })

  test("only loopback listens, and port 8300 speaks only to members", () => {
    const listening = one.machine
      .run("ss -Hltn")
      .split("\n")
      .map((line) => line.split(/\s+/)[3])
      .filter(Boolean)
    expect(listening.sort()).toEqual(["0.0.0.0:8300", "127.0.0.1:8500"])
    expect(cluster.outside.try(`curl -s --max-time 2 http://${one.address}:8500/v1/kv/plain`).status).not.toBe(0)
    const tls = cluster.outside.try(["curl", "-sk", "--max-time", "2", `https://${one.address}:8300/v1/kv/?recurse`])
    expect(tls.stdout).toBe("")
    expect(one.status().health).toBe("ok")
  })

  test("a listener beyond loopback wants TLS, and a token for everything", async () => {
    await two.stop()
    await two.resume({ extra: ["--http", `${two.address}:8501`] })
    const far = (path: string, ...options: string[]) =>
      cluster.outside.try([
        "curl",
        "-sk",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        "--max-time",
        "3",
        ...options,
        `https://${two.address}:8501${path}`,
      ]).stdout
    expect(cluster.outside.try(`curl -s --max-time 2 http://${two.address}:8501/healthz`).stdout).toBe("")
    expect(far("/v1/kv/?recurse")).toBe("403")
    expect(far("/v1/kv/far", ...put("x"))).toBe("403")
    expect(far("/v1/kv/far", ...put("x"), ...bearer(client))).toBe("403")
    expect(far("/v1/kv/far", ...put("x"), ...bearer(server))).toBe("200")
    expect(far("/v1/kv/far", ...bearer(client))).toBe("200")
    expect(far("/api/v1/networks", ...bearer(client))).toBe("200")
    expect(far("/api/v1/networks")).toBe("401")
  })
})
