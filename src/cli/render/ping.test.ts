import { expect, test } from "bun:test"
import type { PingView } from "../../model/ping.ts"
import { pingSum, replyText } from "./ping.ts"
import { styleFor } from "./style.ts"

const plain = styleFor(false, false, {})

test("what another node says of a lost packet is shown, and not obeyed by the terminal", () => {
  const said = "gone\u001b[2J"
  expect(replyText({ seq: 1, ms: null, why: said }, plain)).toBe("seq=1 gone\\x1b[2J")
  expect(pingSum({ problem: said } as PingView, plain)).toBe("nothing was sent: gone\\x1b[2J")
})
