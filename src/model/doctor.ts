/** What `ovl doctor` finds: one line for each thing that it looked at. */
import { z } from "zod"

/** `skipped`: it could not be looked at, and the detail says why. */
export const checkLevelSchema = z.enum(["ok", "warning", "failed", "skipped"])
export type CheckLevel = z.infer<typeof checkLevelSchema>

export const doctorCheckSchema = z.object({
  name: z.string(),
  /** False for what failed only. */
  ok: z.boolean(),
  level: checkLevelSchema,
  detail: z.string(),
  /** What to do about it; empty where there is nothing to do. */
  hint: z.string(),
})
export type DoctorCheck = z.infer<typeof doctorCheckSchema>

export const doctorViewSchema = z.object({
  checks: z.array(doctorCheckSchema),
  passed: z.int(),
  warnings: z.int(),
  failed: z.int(),
  skipped: z.int(),
  /** With --fix: what was removed, a line each. */
  removed: z.array(z.string()),
})
export type DoctorView = z.infer<typeof doctorViewSchema>
