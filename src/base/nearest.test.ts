import { expect, test } from "bun:test"
import { nameHint } from "./nearest.ts"

test("a name that is not there: the one that was meant, or where they all are", () => {
  expect(nameHint("bleu", ["red", "blue"], "ovl network ls")).toBe("did you mean blue? ovl network ls shows all")
  expect(nameHint("grey", ["red", "blue"], "ovl network ls")).toBe("see ovl network ls")
  expect(nameHint("red", [], "ovl network ls")).toBe("see ovl network ls")
})
