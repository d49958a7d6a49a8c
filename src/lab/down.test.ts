import { expect, test } from "bun:test"
import { labsDown } from "./down.ts"

test("a lab that cannot be taken down keeps no other from going, and is told when all are over", async () => {
  const gone: string[] = []
  const steps: string[] = []
  const takeApart = async (lab: string, progress: (step: string) => void) => {
    progress("nodes")
    if (lab === "busy") throw new Error("busy")
    await Bun.sleep(5)
    gone.push(lab)
  }
  const down = labsDown(["a", "busy", "b"], (step) => steps.push(step), takeApart)
  await expect(down).rejects.toThrow("busy")
  expect(gone).toEqual(["a", "b"])
  expect(steps).toEqual(["a: nodes", "busy: nodes", "b: nodes"])
})
