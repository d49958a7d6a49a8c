import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { question, readable, typeNumber } from "./fixture.ts"
import {
  answeredCode,
  parseQuery,
  passOn,
  type Query,
  RCODE,
  TYPE,
  writeAnswer,
  writeError,
  writeUpstreamQuery,
} from "./message.ts"

function parsed(bytes: Uint8Array): Query {
  const result = parseQuery(bytes)
  if ("malformed" in result) throw new Error("malformed")
  return result.query
}

const label = fc.stringMatching(/^[a-z0-9_-]{1,63}$/)
const name = fc.array(label, { minLength: 1, maxLength: 8 }).map((labels) => labels.join("."))
const shortName = name.filter((text) => text.length <= 253)

describe("whatever the bytes are", () => {
  test("reading ends, and what is answered can be read", () => {
    const answerable = (bytes: Uint8Array) => {
      const result = parseQuery(bytes)
      if ("query" in result) {
        const data = Uint8Array.of(10, 0, 0, 1)
        for (const most of [512, 65_535])
          expect(writeAnswer(result.query, RCODE.ok, [{ type: TYPE.A, data }], 1, most).length).toBeLessThanOrEqual(
            most,
          )
        expect(writeUpstreamQuery(result.query, 1).length).toBeLessThanOrEqual(12 + 255 + 4 + 11)
      } else if (result.malformed.rcode !== null) readable(writeError(result.malformed, result.malformed.rcode))
    }
    const bytes = fc.uint8Array({ maxLength: 600 })
    fc.assert(fc.property(bytes, answerable), { numRuns: 2_000 })
    const damaged = fc
      .tuple(shortName, fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { maxLength: 6 }), fc.nat(300))
      .map(([text, changes, cut]) => {
        const whole = question(text, "A", { edns: 1400 })
        for (const [at, value] of changes) if (at < whole.length) whole[at] = value
        return whole.slice(0, whole.length - (cut % whole.length))
      })
    fc.assert(fc.property(damaged, answerable), { numRuns: 2_000 })
  })

  test("an answer from anybody is taken or not, and never throws", () => {
    const query = parsed(question("www.example.com"))
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        answeredCode(query, 7, bytes)
        expect(passOn(query, bytes.length < 12 ? new Uint8Array(12) : bytes, 100).length).toBeLessThanOrEqual(100)
      }),
      { numRuns: 1_000 },
    )
  })
})

test("a question is read as it was written", () => {
  fc.assert(
    fc.property(shortName, fc.constantFrom("A", "AAAA", "PTR", "TXT"), fc.nat(65_535), (text, type, id) => {
      const query = parsed(question(text.toUpperCase(), type, { id }))
      expect(query).toMatchObject({ name: text, type: typeNumber(type), id, labels: text.split(".").length })
    }),
    { numRuns: 300 },
  )
})

describe("answers of others", () => {
  const query = parsed(question("www.Example.com", "A", { id: 99, edns: 4096, dnssecOk: true, flags: 0x0110 }))
  const asked = writeUpstreamQuery(query, 7)

  function answer(change: (bytes: Uint8Array) => void = () => {}): Uint8Array {
    const bytes = asked.slice()
    bytes[2] = 0x81
    change(bytes)
    return bytes
  }

  test("the question that is passed on is a new one with the same content", () => {
    expect(readable(asked)).toBe("NOERROR rd cd; www.Example.com A?; edns 1232 do")
    expect(asked.subarray(0, 2)).toEqual(Uint8Array.of(0, 7))
  })

  test("an answer is one to what was asked, and to nothing else", () => {
    expect(answeredCode(query, 7, answer())).toBe(0)
    expect(answeredCode(query, 8, answer())).toBeNull()
    expect(answeredCode(query, 7, asked)).toBeNull()
    expect(
      answeredCode(
        query,
        7,
        answer((bytes) => bytes.set([0x58], 13)),
      ),
    ).toBeNull()
    expect(
      answeredCode(
        query,
        7,
        answer((bytes) => bytes.set([0x57], 13)),
      ),
    ).toBe(0)
    expect(
      answeredCode(
        query,
        7,
        answer((bytes) => bytes.set([28], 30)),
      ),
    ).toBeNull()
    expect(answeredCode(query, 7, answer().slice(0, 20))).toBeNull()
    expect(
      answeredCode(
        query,
        7,
        answer((bytes) => bytes.set([0x85], 3)),
      ),
    ).toBe(5)
    const bare = answer((bytes) => bytes.set([0x81, 0x05, 0, 0], 2)).slice(0, 12)
    expect(answeredCode(query, 7, bare)).toBe(5)
  })

  test("it is passed on under the client's id, and cut off where it is too long", () => {
    expect(readable(passOn(query, answer(), 512))).toBe("NOERROR qr rd cd; www.Example.com A?; edns 1232 do")
    expect(passOn(query, answer(), 512).subarray(0, 2)).toEqual(Uint8Array.of(0, 99))
    const long = new Uint8Array(600)
    long.set(answer())
    expect(readable(passOn(query, long, 512))).toBe("NOERROR qr tc rd cd; www.Example.com A?; edns 1232 do")
  })
})
