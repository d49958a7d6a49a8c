/** What became of the questions, in numbers for `/metrics`. Pure. */
import type { Measure } from "../base/measures.ts"
import type { Way } from "./answer.ts"
import { HEADER_BYTES, RCODE } from "./message.ts"

/** `none`: the message was no question that could be answered at all. */
const RESULTS = ["ok", "no_data", "no_such_name", "server_failure", "refused", "other", "none"] as const
type Result = (typeof RESULTS)[number]

const BY_CODE: ReadonlyMap<number, Result> = new Map([
  [RCODE.ok, "ok"],
  [RCODE.nameError, "no_such_name"],
  [RCODE.serverFailure, "server_failure"],
  [RCODE.refused, "refused"],
])

export class DnsCounts {
  readonly #results = new Map<string, number>()
  #forwarded = 0
  #failed = 0

  /** `forwarded`: it is others who were asked; a failure then is that none of them had an answer. */
  answered(way: Way, message: Uint8Array, forwarded: boolean): void {
    const result = resultOf(message)
    this.#count(way, result)
    if (!forwarded) return
    this.#forwarded++
    if (result === "server_failure") this.#failed++
  }

  unanswerable(way: Way): void {
    this.#count(way, "none")
  }

  measures(): Measure[] {
    const ways: Way[] = ["udp", "tcp"]
    return [
      {
        name: "ovl_dns_questions_total",
        type: "counter",
        help: "Questions about names that workloads of this node asked, by what became of them",
        values: ways.flatMap((way) =>
          RESULTS.map((result) => [{ way, result }, this.#results.get(`${way} ${result}`) ?? 0] as const),
        ),
      },
      {
        name: "ovl_dns_forwarded_total",
        type: "counter",
        help: "Questions of those that were passed on to the host's resolvers and are done with",
        values: [[{}, this.#forwarded]],
      },
      {
        name: "ovl_dns_forward_failures_total",
        type: "counter",
        help: "Questions of those to which no resolver had an answer in time",
        values: [[{}, this.#failed]],
      },
    ]
  }

  #count(way: Way, result: Result): void {
    const key = `${way} ${result}`
    this.#results.set(key, (this.#results.get(key) ?? 0) + 1)
  }
}

/** RFC 1035, 4.1.1: the code is in the low half of the fourth byte, the number of answers in the seventh and eighth. */
function resultOf(message: Uint8Array): Result {
  if (message.length < HEADER_BYTES) return "other"
  const result = BY_CODE.get(message[3]! & 0x0f) ?? "other"
  return result === "ok" && message[6] === 0 && message[7] === 0 ? "no_data" : result
}
