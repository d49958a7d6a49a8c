import { describe, expect, test } from "bun:test"
import type { ChangeBatch } from "../model/catalog.ts"
import { Catalog } from "../model/catalog.ts"
import type { EndpointRecord } from "../model/endpoint.ts"
import type { NetworkRecord } from "../model/network.ts"
import { answerMessage, type Way } from "./answer.ts"
import { type QuestionOptions, question, readable, type TypeName } from "./fixture.ts"
import { Names } from "./names.ts"

const [RED, GREEN, BLUE] = ["r", "g", "b"].map((letter) => letter.repeat(64)) as [string, string, string]
const NODE = "n1"

function network(id: string, name: string, subnet: string, given: Partial<NetworkRecord> = {}): NetworkRecord {
  const gateway = `${subnet.split(/[.:][^.:]*\//)[0]}${subnet.includes(":") ? "::1" : ".1"}`
  return { id, name, tenant: "default", subnets: [{ subnet, gateway }], internal: false, ...given } as NetworkRecord
}

let made = 0
function endpoint(networkId: string, workload: string, ip: string, given: object = {}): EndpointRecord {
  const id = String(++made).padStart(64, "0")
  const netns = `/run/netns/ovl-${workload}`
  return { id, networkId, nodeId: NODE, workload, name: workload, ip, netns, ...given } as EndpointRecord
}

class World {
  readonly catalog = new Catalog()
  readonly names = new Names(this.catalog, NODE)

  constructor(networks: NetworkRecord[], endpoints: EndpointRecord[], open: string[]) {
    this.change(
      ...networks.map((value) => ({ type: "network" as const, id: value.id, value })),
      ...endpoints.map((value) => ({ type: "endpoint" as const, id: value.id, value })),
    )
    for (const id of open) this.names.open(id)
  }

  change(...changes: ChangeBatch["changes"]): void {
    const batch = { revision: this.catalog.revision + 1, snapshot: false, changes }
    this.catalog.apply(batch)
    this.names.follow(batch)
  }

  message(from: string, bytes: Uint8Array, way: Way = "udp", through = RED): string {
    const outcome = answerMessage(this.names, through, from, bytes, way)
    if ("forward" in outcome) return "forwarded"
    return outcome.reply === null ? "nothing" : readable(outcome.reply)
  }

  ask(from: string, name: string, type: TypeName = "A", options: QuestionOptions & { through?: string } = {}): string {
    return this.message(from, question(name, type, options), "udp", options.through ?? RED)
  }
}

const WEB = "10.65.10.2"
const DB = "10.65.10.3"

function world(): World {
  return new World(
    [
      network(RED, "red", "10.65.10.0/24"),
      network(GREEN, "Green", "10.65.11.0/24", { internal: true }),
      network(BLUE, "blue.net", "10.65.12.0/24"),
    ],
    [
      endpoint(RED, "web", "10.65.10.2/24"),
      endpoint(RED, "DB", "10.65.10.3/24"),
      endpoint(GREEN, "DB", "10.65.11.3/24", { name: "DB.Green" }),
      endpoint(GREEN, "vault", "10.65.11.4/24"),
      endpoint(BLUE, "web.red", "10.65.12.5/24"),
      endpoint(RED, "far", "10.65.10.9/24", { nodeId: "n2" }),
      endpoint(RED, "six", "10.65.10.6/24", { ip6: "fd00::6/64" }),
    ],
    [RED, GREEN],
  )
}

describe("names of workloads", () => {
  const all = world()
  test.each([
    ["web", "A", "NOERROR qr aa rd ra; web A?; web 1 A 10.65.10.2"],
    ["WeB", "A", "NOERROR qr aa rd ra; WeB A?; WeB 1 A 10.65.10.2"],
    ["web.red", "A", "NOERROR qr aa rd ra; web.red A?; web.red 1 A 10.65.10.2"],
    ["web.red.", "A", "NOERROR qr aa rd ra; web.red A?; web.red 1 A 10.65.10.2"],
    ["far.RED", "A", "NOERROR qr aa rd ra; far.RED A?; far.RED 1 A 10.65.10.9"],
    ["web", "AAAA", "NOERROR qr aa rd ra; web AAAA?"],
    ["web", "TXT", "NOERROR qr aa rd ra; web TXT?"],
    ["six", "AAAA", "NOERROR qr aa rd ra; six AAAA?; six 1 AAAA fd00:0000:0000:0000:0000:0000:0000:0006"],
    [
      "six",
      "ANY",
      "NOERROR qr aa rd ra; six ANY?; six 1 A 10.65.10.6; six 1 AAAA fd00:0000:0000:0000:0000:0000:0000:0006",
    ],
    ["nobody", "A", "NXDOMAIN qr aa rd ra; nobody A?"],
    ["nobody", "AAAA", "NXDOMAIN qr aa rd ra; nobody AAAA?"],
    ["gone.red", "A", "NXDOMAIN qr aa rd ra; gone.red A?"],
    ["a.b.red", "MX", "NXDOMAIN qr aa rd ra; a.b.red MX?"],
    ["www.example.com", "A", "forwarded"],
    ["com", "NS", "forwarded"],
    [".", "NS", "forwarded"],
    ["web.example", "A", "forwarded"],
  ] as const)("%s %s", (name, type, expected) => {
    expect(all.ask(WEB, name, type)).toBe(expected)
  })

  test("nothing of a network that the asker is not on", () => {
    expect(all.ask(WEB, "vault")).toStartWith("NXDOMAIN")
    expect(all.ask(WEB, "vault.green")).toBe("forwarded")
    expect(all.ask(WEB, "db.green")).toBe("forwarded")
    expect(all.ask(WEB, "3.11.65.10.in-addr.arpa", "PTR")).toBe("forwarded")
    expect(all.ask(WEB, "web.red.blue.net")).toBe("forwarded")
  })

  test("several networks: the one asked through first", () => {
    expect(all.ask(DB, "db")).toEndWith("db 1 A 10.65.10.3; db 1 A 10.65.11.3")
    const through = { through: GREEN }
    expect(all.ask("10.65.11.3", "db", "A", through)).toEndWith("db 1 A 10.65.11.3; db 1 A 10.65.10.3")
    expect(all.ask(DB, "db.green")).toEndWith("; db.green 1 A 10.65.11.3")
    expect(all.ask(DB, "vault")).toEndWith("; vault 1 A 10.65.11.4")
    expect(all.ask("10.65.11.3", "web.red", "A", through)).toEndWith("; web.red 1 A 10.65.10.2")
  })

  test("a workload of the same name in another namespace is another one", () => {
    const both = world()
    const value = endpoint(GREEN, "web", "10.65.11.9/24", { netns: "/run/netns/other" })
    both.change({ type: "endpoint", id: value.id, value })
    expect(both.ask(WEB, "web")).toEndWith("; web 1 A 10.65.10.2")
    expect(both.ask(WEB, "vault")).toStartWith("NXDOMAIN")
  })

  test("an exact name wins over <workload>.<network>", () => {
    const both = world()
    const value = endpoint(RED, "web.red", "10.65.10.77/24")
    both.change({ type: "endpoint", id: value.id, value })
    expect(both.ask(WEB, "web.red")).toEndWith("; web.red 1 A 10.65.10.77")
    expect(both.ask(WEB, "web.red.red")).toEndWith("; web.red.red 1 A 10.65.10.77")
  })

  test("a dot inside of a label is none between two", () => {
    const bytes = question("web#red")
    bytes[bytes.indexOf("#".charCodeAt(0))] = ".".charCodeAt(0)
    expect(all.message(WEB, bytes)).toStartWith("NXDOMAIN")
  })

  test("who is no endpoint of this node on this network is refused", () => {
    expect(all.ask("10.65.10.99", "web")).toBe("REFUSED qr rd ra; web A?")
    expect(all.ask("10.65.10.9", "web")).toBe("REFUSED qr rd ra; web A?")
    expect(all.ask(WEB, "web", "A", { through: BLUE })).toBe("REFUSED qr rd ra; web A?")
  })

  test("what is only on internal networks asks nobody else; with another network besides it does", () => {
    expect(all.ask("10.65.11.4", "www.example.com", "A", { through: GREEN })).toStartWith("NXDOMAIN")
    expect(all.ask("10.65.11.3", "www.example.com", "A", { through: GREEN })).toBe("forwarded")
  })
})

describe("addresses", () => {
  const all = world()
  test("both names of each address of the asker's networks", () => {
    const name = "2.10.65.10.in-addr.arpa"
    expect(all.ask(DB, name, "PTR")).toBe(`NOERROR qr aa rd ra; ${name} PTR?; ${name} 1 PTR web; ${name} 1 PTR web.red`)
    expect(all.ask(DB, "4.11.65.10.in-addr.arpa", "PTR")).toEndWith(" PTR vault.Green")
    expect(all.ask(DB, name, "A")).toBe(`NOERROR qr aa rd ra; ${name} A?`)
    const six = `${"6".padEnd(28, "0").split("").join(".")}.0.0.d.f.ip6.arpa`
    expect(all.ask(WEB, six, "PTR")).toEndWith(" PTR six.red")
  })

  test("nobody's address in their subnets is unknown; any other is for others", () => {
    expect(all.ask(DB, "200.10.65.10.in-addr.arpa", "PTR")).toStartWith("NXDOMAIN")
    expect(all.ask(DB, "1.12.65.10.in-addr.arpa", "PTR")).toBe("forwarded")
    expect(all.ask(DB, "10.65.10.in-addr.arpa", "PTR")).toBe("forwarded")
  })
})

describe("changes", () => {
  test("come and go with the catalog", () => {
    const all = world()
    const value = endpoint(RED, "new", "10.65.10.20/24")
    const reverse = "20.10.65.10.in-addr.arpa"
    expect(all.ask(WEB, "new")).toStartWith("NXDOMAIN")
    all.change({ type: "endpoint", id: value.id, value })
    expect(all.ask(WEB, "new")).toEndWith("A 10.65.10.20")
    expect(all.ask(WEB, reverse, "PTR")).toEndWith("PTR new.red")
    expect(all.ask("10.65.10.20", "web")).toEndWith("A 10.65.10.2")
    all.change({ type: "endpoint", id: value.id, value: null })
    for (const name of ["new", "new.red"]) expect(all.ask(WEB, name)).toStartWith("NXDOMAIN")
    expect(all.ask(WEB, reverse, "PTR")).toStartWith("NXDOMAIN")
    expect(all.ask("10.65.10.20", "web")).toStartWith("REFUSED")
  })

  test("an address passes from one to another in one batch, whatever the order", () => {
    const all = world()
    const [before, after] = ["before", "after"].map((name) => endpoint(RED, name, "10.65.10.30/24")) as [
      EndpointRecord,
      EndpointRecord,
    ]
    all.change({ type: "endpoint", id: before.id, value: before })
    const gone = { type: "endpoint", id: before.id, value: null } as const
    all.change({ type: "endpoint", id: after.id, value: after }, gone)
    expect(all.ask(WEB, "30.10.65.10.in-addr.arpa", "PTR")).toEndWith("PTR after.red")
  })

  test("a snapshot replaces everything", () => {
    const all = world()
    const web = endpoint(RED, "web", "10.65.10.50/24")
    const batch: ChangeBatch = {
      revision: 9,
      snapshot: true,
      changes: [
        { type: "network", id: RED, value: network(RED, "red", "10.65.10.0/24") },
        { type: "endpoint", id: web.id, value: web },
      ],
    }
    all.catalog.apply(batch)
    all.names.follow(batch)
    expect(all.ask("10.65.10.50", "web.red")).toEndWith("A 10.65.10.50")
    expect(all.ask(WEB, "web")).toStartWith("REFUSED")
  })

  test("a network that is listened to no more gives nothing", () => {
    const all = world()
    all.names.close(RED)
    expect(all.ask(WEB, "web")).toStartWith("REFUSED")
    all.names.open(RED)
    expect(all.ask(WEB, "web")).toEndWith("A 10.65.10.2")
  })
})

describe("messages", () => {
  const all = world()
  test("EDNS is answered with EDNS, a version that nobody knows is refused", () => {
    expect(all.ask(WEB, "web", "A", { edns: 4096 })).toEndWith("web 1 A 10.65.10.2; edns 1232")
    expect(all.ask(WEB, "web", "A", { edns: 10 })).toEndWith("web 1 A 10.65.10.2; edns 1232")
    expect(all.ask(WEB, "web", "A", { edns: 4096, dnssecOk: true })).toEndWith("; edns 1232 do")
    expect(all.ask(WEB, "web", "A", { edns: 512, ednsVersion: 1 })).toBe("NOERROR qr rd ra; web A?; edns 1232 rcode+16")
  })

  test("an answer too long for UDP is cut off, and comes whole by TCP or with a larger buffer", () => {
    const many = new World(
      Array.from({ length: 40 }, (_, n) => network(`${n}`.padStart(64, "x"), `n${n}`, `10.1.${n}.0/24`)),
      Array.from({ length: 40 }, (_, n) => endpoint(`${n}`.padStart(64, "x"), "w", `10.1.${n}.2/24`)),
      ["0".padStart(64, "x")],
    )
    const through = "0".padStart(64, "x")
    const ask = (way: Way, edns?: number) =>
      many.message("10.1.0.2", question("w", "A", edns === undefined ? {} : { edns }), way, through)
    expect(ask("udp")).toBe("NOERROR qr aa tc rd ra; w A?")
    expect(ask("udp", 1232).match(/ A 10/g)).toHaveLength(40)
    expect(ask("udp", 100)).toBe("NOERROR qr aa tc rd ra; w A?; edns 1232")
    expect(ask("tcp").match(/ A 10/g)).toHaveLength(40)
  })

  test.each([
    ["an answer", question("web", "A", { flags: 0x8100 }), "nothing"],
    ["nothing at all", new Uint8Array(0), "nothing"],
    ["half a head", question("web").slice(0, 11), "nothing"],
    ["a head alone", question("web").slice(0, 12), "FORMERR qr rd"],
    ["half a name", question("web").slice(0, 15), "FORMERR qr rd"],
    ["no class", question("web").slice(0, -2), "FORMERR qr rd"],
    ["an update", question("web", "A", { flags: 0x2800 }), "NOTIMP qr"],
    ["another class", question("web", "A", { class: 3 }), "REFUSED qr rd ra; web A?"],
    ["a transfer", question("red", "AXFR"), "REFUSED qr rd ra; red AXFR?"],
    ["a pointer to itself", withBytes(question("web"), 12, [0xc0, 0x0c]), "FORMERR qr rd"],
    ["two questions", withBytes(question("web"), 5, [2]), "FORMERR qr rd"],
    ["an answer in a question", withBytes(question("web"), 7, [1]), "FORMERR qr rd"],
    ["a record that is not there", withBytes(question("web"), 11, [1]), "FORMERR qr rd"],
    ["a record of 65,535 bytes", withBytes(question("web", "A", { edns: 512 }), 30, [255, 255]), "FORMERR qr rd"],
    ["a label of 64 bytes", question("a".repeat(64)), "FORMERR qr rd"],
    ["a name of 256 bytes", question(`${"a".repeat(63)}.`.repeat(4)), "FORMERR qr rd"],
  ])("%s", (_, bytes, expected) => {
    expect(all.message(WEB, bytes)).toBe(expected)
  })

  test("the longest name that there may be", () => {
    const longest = `${`${"a".repeat(63)}.`.repeat(3)}${"a".repeat(61)}`
    expect(all.message(WEB, question(longest))).toBe("forwarded")
  })
})

function withBytes(bytes: Uint8Array, at: number, other: number[]): Uint8Array {
  bytes.set(other, at)
  return bytes
}
