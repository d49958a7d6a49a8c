/** Many links deleted at once, on the real kernel. */
import { expect, test } from "bun:test"
import { deleteTogether } from "../../src/kernel/link-group.ts"
import { describeAsRoot, sandbox, type TestNamespace } from "../support/netns.ts"

describeAsRoot("links of several namespaces that are deleted together", () => {
  const box = sandbox()
  const linksOf = (place: TestNamespace) => place.json<{ ifname: string }[]>("ip -j link").map((link) => link.ifname)

  function make(label: string): TestNamespace {
    const place = box.namespace(label)
    for (const n of [0, 1, 2]) place.run(`ip link add a${n} type veth peer name b${n}`)
    return place
  }

  test("are gone, those that were gone before too, and nothing else is", () => {
    const [one, other] = [make("one"), make("other")]
    const refusals = deleteTogether([
      { socket: one.socket, names: ["a0", "a1", "nothing"] },
      { socket: other.socket, names: ["nothing"] },
    ])
    expect(refusals).toEqual([null, null])
    expect(linksOf(one)).toEqual(["lo", "b2", "a2"])
    expect(linksOf(other)).toHaveLength(7)
  })

  test("a refusal is told of its namespace, the others are done, and the next deletion is not hindered", () => {
    const [one, other] = [make("third"), make("fourth")]
    // The loopback device cannot be deleted, nor a group that it is in.
    const refusals = deleteTogether([
      { socket: one.socket, names: ["a0", "lo"] },
      { socket: other.socket, names: ["a0", "a1"] },
    ])
    expect(refusals.map((one) => one?.errnoName ?? null)).toEqual(["EOPNOTSUPP", null])
    expect(linksOf(other)).toEqual(["lo", "b2", "a2"])
    expect(deleteTogether([{ socket: one.socket, names: ["a1"] }])).toEqual([null])
    expect(linksOf(one)).toEqual(["lo", "b0", "a0", "b2", "a2"])
  })
})
