/**
 * Asks a name server as fast as it answers, with a bounded number of questions under way: `bun dns-asker.ts SERVER
 * WORKLOADS MS`. Prints how many were sent and answered, and checks that they are answers with an address.
 */
import { question } from "../../src/dns/fixture.ts"

const [server = "", workloads = "1", ms = "1000"] = process.argv.slice(2)
const WINDOW = 64
/** What was lost is made up for so often. */
const REFILL_MS = 100
const HEADER_ANSWERS_AT = 7

const questions = Array.from({ length: Number(workloads) }, (_, n) => question(n % 2 === 0 ? `w${n}` : `w${n}.red`))
let [sent, answered, wrong, seen] = [0, 0, 0, 0]

const socket = await Bun.udpSocket({
  connect: { hostname: server, port: 53 },
  socket: {
    data: (_, data) => {
      answered++
      if (data[HEADER_ANSWERS_AT] !== 1) wrong++
      send(1)
    },
    error: () => {},
  },
})

function send(count: number): void {
  for (let n = 0; n < count; n++) if (socket.send(questions[sent++ % questions.length]!) === false) break
}

const start = performance.now()
send(WINDOW)
while (performance.now() - start < Number(ms)) {
  await Bun.sleep(REFILL_MS)
  if (seen === answered) send(WINDOW)
  seen = answered
}
const seconds = (performance.now() - start) / 1_000
socket.close()
if (wrong > 0 || answered === 0) throw new Error(`${wrong} of ${answered} answers are wrong`)
console.log(JSON.stringify({ answered, sent, seconds }))
process.exit(0)
