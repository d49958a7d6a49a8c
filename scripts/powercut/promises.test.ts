import { expect, test } from "bun:test"
import type { TalkEvent } from "./journal.ts"
import type { History } from "./load.ts"
import { Promises } from "./promises.ts"

/** Client 1 has written three times; client 2 has read, and seen the second of them. */
const HISTORY: History = new Map([
  [1, { texts: ["", "one", "two", "three"], saw: new Map() }],
  [2, { texts: ["", ""], saw: new Map([[1, [{ client: 1, number: 2 }]]]) }],
])

function request(id: string, connection: number): TalkEvent {
  const text = `PUT /v1/kv/x HTTP/1.1\r\nX-Powercut: ${id}\r\nHost: x\r\n\r\n`
  return { kind: "request", member: 1, connection, text }
}

function answer(connection: number): TalkEvent {
  return { kind: "answer", member: 1, connection, text: "HTTP/1.1 200 OK\r\n\r\n" }
}

/** For each state of client 1, what is to be said when it is found. */
function verdicts(...events: TalkEvent[]): string {
  const promises = new Promises(HISTORY)
  for (const event of events) promises.take(event)
  const states = ["", "one", "two", "three", "half of two"]
  return states.map((state) => `${state || "nothing"}: ${promises.now()({ 1: state })[0]?.breach ?? "fine"}`).join(", ")
}

test("what was not asked for is not there", () => {
  expect(verdicts()).toBe("nothing: fine, one: foreign, two: foreign, three: foreign, half of two: foreign")
})

test("what was asked for may be there, as a whole", () => {
  expect(verdicts(request("c1-1", 5))).toBe(
    "nothing: fine, one: fine, two: foreign, three: foreign, half of two: foreign",
  )
})

test("what was answered must be there", () => {
  expect(verdicts(request("c1-1", 5), answer(5), request("c1-2", 5), answer(5), request("c1-3", 5))).toBe(
    "nothing: lost, one: lost, two: fine, three: fine, half of two: foreign",
  )
})

test("an answer on another connection is another's", () => {
  expect(verdicts(request("c1-1", 5), answer(6))).toContain("nothing: fine")
})

test("what somebody has seen must be there", () => {
  expect(verdicts(request("c1-1", 5), answer(5), request("c1-2", 5), request("c2-1", 6), answer(6))).toBe(
    "nothing: lost, one: lost, two: fine, three: foreign, half of two: foreign",
  )
})
