/** Words: the port of ovl. Lists the ten folders over and over; prints how long each listing after the first took, in ms. */
import { Connection, timeEach } from "./connection.ts"

const LISTINGS = 21
const FOLDERS = Array.from({ length: 10 }, (_, n) => `folder${n}/`)

const connection = await Connection.open(Number(process.argv[2]))
const taken = await timeEach(LISTINGS, async () => {
  const text = await connection.ask("GET", "/v1/kv/?keys&separator=/")
  if (!text.includes(JSON.stringify(FOLDERS))) throw new Error(`not the ten folders: ${text}`)
})
connection.close()
console.log(JSON.stringify(taken))
